-- Lists of what a unit itself holds or is offered (=UNIT), and of what it was asked to join (+UNIT), beside
-- the list of its subtree. Cases write them from now on; here they are written once for those that are there.
INSERT INTO worklist (unit, is_open, sort_at, n, state, programme, late)
 SELECT l.unit, c.is_open, c.sort_at, c.n, c.state, c.programme, c.late FROM cases c JOIN (
  SELECT n, '=' || holder AS unit FROM cases UNION SELECT n, '=' || offered FROM cases WHERE offered <> ''
  UNION SELECT n, '+' || value FROM cases, json_each(doc, '$.joint')) l ON l.n = c.n WHERE c.sealed = 0;
INSERT INTO tallies (unit, programme, procedure, state, shard, cases, late, unassigned, offered, paused)
 SELECT w.unit, c.programme, c.procedure, c.state, 0, COUNT(*), SUM(c.late), SUM(CASE WHEN c.assignee = '' THEN 1 ELSE 0 END),
  SUM(CASE WHEN w.unit = '=' || c.offered AND c.offered <> '' THEN 1 ELSE 0 END), SUM(c.paused)
 FROM worklist w JOIN cases c ON c.n = w.n WHERE (w.unit LIKE '=%' OR w.unit LIKE '+%') AND c.is_open = 1
 GROUP BY w.unit, c.programme, c.procedure, c.state;
