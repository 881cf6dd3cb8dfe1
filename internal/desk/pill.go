package desk

import (
	"strconv"
	"time"

	"comity/internal/casework"
	"comity/internal/web"
)

// deadline puts where a case stands into a pill. The words carry the meaning.
func deadline(p *web.Page, due time.Time, paused, final bool) web.Pill {
	if final {
		return web.Pill{}
	}
	return p.Pill(web.Term{Due: due, Paused: paused && due.IsZero()})
}

// anyPaused reports whether some term of the case stands still.
func anyPaused(c casework.Case) bool {
	for _, k := range c.Clocks {
		if k.Status == pausedStatus {
			return true
		}
	}
	return false
}

// daysBetween counts midnights of the zone between two instants.
func daysBetween(from, to time.Time, zone *time.Location) int {
	a, b := midnight(from, zone), midnight(to, zone)
	return int((b.Sub(a) + 12*time.Hour) / (24 * time.Hour)) // half a day absorbs changes of clocks
}

// midnight is the beginning of the day of an instant.
func midnight(t time.Time, zone *time.Location) time.Time {
	y, m, d := t.In(zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, zone)
}

// capped says a count that was only counted up to a limit.
func capped(n, limit int) string {
	if n >= limit {
		return strconv.Itoa(limit-1) + "+"
	}
	return strconv.Itoa(n)
}
