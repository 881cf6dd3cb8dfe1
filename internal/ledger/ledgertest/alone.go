package ledgertest

import "bytes"

// Alone is the demo's procedure of service requests without what joins several to one group, for packs whose cases go
// under seal: of those none may name another.
func Alone(procedure []byte) []byte {
	procedure = cut(procedure, "  - id: grouped\n", "  - id: answered\n")
	procedure = cut(procedure, "  # Several people report one hole.", "  - id: ask\n")
	return bytes.ReplaceAll(procedure, []byte(", grouped]"), []byte("]"))
}

// cut takes out what begins with one line and ends before another. The words stand in the demo's pack; where they do
// not, the pack that is made of it does not load, and says why.
func cut(from []byte, begin, end string) []byte {
	head, rest, found := bytes.Cut(from, []byte(begin))
	_, tail, ends := bytes.Cut(rest, []byte(end))
	if !found || !ends {
		return from
	}
	return append(append(bytes.Clone(head), end...), tail...)
}

// Unposted is the demo's post.yaml without mail that comes in, for packs whose matters ask more than a mail answers.
func Unposted(post []byte) []byte { return cut(post, "inbound:", "\n") }
