package file

import (
	"net/url"

	"comity/internal/casework"
)

// PublicPath is the address of a picture that everybody may see beside a report, below that of the site.
func PublicPath(ref casework.Ref, sum string) string {
	return "/reports/" + url.PathEscape(string(ref)) + "/photo/" + sum
}
