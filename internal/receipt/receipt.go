// Package receipt is what outsiders need to check the log without us: the signed heads of the tree,
// and the receipt a resident gets for an event of their case. It is pure: no database, no clock, no
// network, so that the command line, the public pages and anybody else's program give the same answer.
//
// It owns how both are spelled. It refuses, each with its own reason: what is no receipt, a record
// that is not about this case, a proof that does not lead to the signed head, a head nobody signed, a
// key one did not expect.
//
// Open this file first; head.go is the signed text, digest.go binds a record to its case.
package receipt
