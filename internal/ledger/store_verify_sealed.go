package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"comity/internal/casework"
	"comity/internal/db"
)

// sealedEvent is an event as verification reads it.
type sealedEvent struct {
	seq       int
	hash, doc []byte
}

func scanSealedEvent(sc db.Scanner) (e sealedEvent, err error) {
	var doc string
	err = sc.Scan(&e.seq, &e.hash, &doc)
	e.doc = []byte(doc)
	return e, err
}

// agrees says whether a stored case is the fold of its events, and each of them what the chain says.
func agrees(s *stored, rows []sealedEvent) error {
	hash := make([]byte, sha256.Size)
	var c casework.Case
	for i, row := range rows {
		hash = chain(hash, row.doc)
		var e casework.Event
		if err := json.Unmarshal(row.doc, &e); err != nil || row.seq != i+1 || e.Seq != row.seq || !bytes.Equal(hash, row.hash) {
			return fmt.Errorf("case %s: event %d is not what was stored", s.c.Ref, i+1)
		}
		c = casework.Fold(c, e)
	}
	want, err := json.Marshal(c)
	if err != nil {
		return err
	}
	have, err := json.Marshal(s.c)
	if err != nil {
		return err
	}
	if !bytes.Equal(want, have) || !bytes.Equal(hash, s.hash) {
		return fmt.Errorf("case %s: the stored case is not the fold of its events", s.c.Ref)
	}
	return nil
}
