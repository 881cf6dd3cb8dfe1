package pages

import "context"

// read opens a transaction on one of the two readers, with the state of this moment.
func (f *Follower) read(ctx context.Context, which int) error {
	err := exec(ctx, f.readers[which], `BEGIN`)
	if err == nil {
		err = exec(ctx, f.readers[which], `SELECT COUNT(*) FROM sqlite_schema`) // only now it has a state
	}
	return err
}
