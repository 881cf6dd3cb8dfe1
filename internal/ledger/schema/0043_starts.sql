-- What a start asks of the keys must cost the same among ten million as among ten: the first and last key of each
-- generation, whether any is away, and at night which are kept by an order.
DROP INDEX case_keys_generation;
CREATE INDEX case_keys_generation ON case_keys (generation, n) WHERE state <> 'erased' AND wrapped <> '';
CREATE INDEX case_keys_away ON case_keys (n) WHERE wrapped = '' AND state <> 'erased' AND state <> 'sealed';
CREATE INDEX case_keys_held ON case_keys (n) WHERE state = 'held';
