// Package web is the kit both surfaces are built from: Site and Page, the one place that turns
// errors into answers, layouts, parts, form controls, preferences, assets and security headers.
//
// It refuses to know a programme, a procedure or a case: it draws what it is handed and takes every
// word from the catalogue. It refuses inline style and script, foreign hosts and pages that need
// script to work.
//
// Life of a request: Site.Harden (headers, size limit, same-origin check, log) → ServeMux →
// Site.Serve(Handler) → Page.Write, or an error that Serve turns into a page or a JSON problem.
//
// Open site.go first, then serve.go, harden.go, parts.go and the .templ files beside them. The
// *_templ.go files are generated: go run github.com/a-h/templ/cmd/templ@v0.3.977 generate -path internal/web
package web
