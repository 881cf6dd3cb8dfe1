package account

// Refused is a "no" with a reason that a page has words for.
type Refused struct {
	Rule   string
	Params map[string]string
}

// Error is for the log.
func (r *Refused) Error() string { return "account refused: " + r.Rule }
