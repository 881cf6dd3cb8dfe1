package desk

import "comity/internal/casework"

// MakeDocuments lets a test say which papers an event made.
func (d *Desk) MakeDocuments(of func(casework.Event) []string) { d.documents = of }
