package portal

import (
	"net/http"

	"comity/internal/web"
)

func (p *Portal) privacy(w http.ResponseWriter, r *http.Request) error {
	page := p.Site.Page(r, "portal.privacy.title")
	return page.Write(w, r, http.StatusOK, web.PublicLayout(page, aboutBody(page, []string{
		"portal.privacy.kept", "portal.privacy.seen", "portal.privacy.code", "portal.privacy.photos",
		"portal.privacy.cookies", "portal.privacy.draft", "portal.privacy.log", "portal.privacy.never",
	})))
}

func (p *Portal) accessibility(w http.ResponseWriter, r *http.Request) error {
	page := p.Site.Page(r, "portal.access.title")
	return page.Write(w, r, http.StatusOK, web.PublicLayout(page, aboutBody(page, []string{
		"portal.access.aim", "portal.access.script", "portal.access.large", "portal.access.keys",
		"portal.access.map", "portal.access.lacks", "portal.access.tell",
	})))
}
