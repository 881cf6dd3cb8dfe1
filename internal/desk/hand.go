package desk

import (
	"net/http"
	"strings"
)

// handedCookie binds a browser to the pages below one address, while somebody else holds the device.
const handedCookie = "comity_handed"

// hand binds this browser to the pages below an address: it is about to be given to a party who signs on it.
// Whatever else is asked of the desk ends the session, so that the way back is a PIN or a sign-in.
func (v *visit) hand(to string) { v.site.KeepSecret(v.w, handedCookie, to, 0) }

// astray ends the session of a handed browser that asks for anything but what it was handed for.
func (d *Desk) astray(w http.ResponseWriter, r *http.Request) (done bool, err error) {
	to := d.site.Secret(r, handedCookie)
	if to == "" || r.URL.Path == to || strings.HasPrefix(r.URL.Path, to+"/") || r.URL.Path == "/desk/counter/alive" {
		return false, nil
	}
	if err := d.leave(w, r); err != nil {
		return true, err
	}
	http.Redirect(w, r, "/desk/locked", http.StatusSeeOther)
	return true, nil
}
