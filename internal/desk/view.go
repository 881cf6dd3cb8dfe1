package desk

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// The small helpers below serve the templates.

func primeClass(prime bool) string {
	if prime {
		return "prime"
	}
	return ""
}

func inQuery(in string) string {
	if in == "" {
		return ""
	}
	return "?in=" + url.QueryEscape(in)
}

func countOf(n int) string { return strconv.Itoa(n) }

func hasImage(files []fileRow) bool {
	return slices.ContainsFunc(files, func(f fileRow) bool { return f.Image })
}

func kidIcon(k kidRow) string {
	switch {
	case k.Href == "":
		return "lock"
	case k.Open:
		return "clock"
	}
	return "check"
}

// inOf is the part of a list's address that other pages carry along.
func inOf(list string) string {
	_, in, _ := strings.Cut(list, "?")
	return in
}
