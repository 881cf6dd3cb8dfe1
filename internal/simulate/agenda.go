package simulate

// heap is a priority queue; before says which of two comes first. Entries that lost their meaning stay in it
// until they come up: whoever takes one out asks whether it still holds.
type heap[T any] struct {
	items  []T
	before func(a, b *T) bool
}

func (h *heap[T]) push(x T) {
	h.items = append(h.items, x)
	i := len(h.items) - 1
	for i > 0 {
		up := (i - 1) / 2
		if !h.before(&h.items[i], &h.items[up]) {
			return
		}
		h.items[i], h.items[up] = h.items[up], h.items[i]
		i = up
	}
}

func (h *heap[T]) pop() (first T, ok bool) {
	n := len(h.items)
	if n == 0 {
		return first, false
	}
	first = h.items[0]
	h.items[0] = h.items[n-1]
	var none T
	h.items[n-1] = none
	h.items = h.items[:n-1]
	for i := 0; ; {
		least := i
		for c := 2*i + 1; c <= 2*i+2 && c < len(h.items); c++ {
			if h.before(&h.items[c], &h.items[least]) {
				least = c
			}
		}
		if least == i {
			return first, true
		}
		h.items[i], h.items[least] = h.items[least], h.items[i]
		i = least
	}
}
