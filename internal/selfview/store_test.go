package selfview

// dump reads a whole table as text, on SQLite.
func dump(table string) string {
	columns := map[string]string{
		"self_proofs": "id || n || state", "self_hidden": "token", "subjects": "kind || token", "jobs": "CAST(payload AS TEXT)",
		"messages": "address || body", "looks": "actor || note", "cases": "title || address || doc", "events": "doc",
	}
	return "SELECT " + columns[table] + " FROM " + table
}
