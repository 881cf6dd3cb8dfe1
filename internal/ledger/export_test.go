package ledger

// ShortLists reads as in a city where lists of so many cases are short, see shortLists.
func (r *Reader) ShortLists(few, rare int64) *Reader {
	other := *r
	other.short = shortLists{few, rare}
	return &other
}
