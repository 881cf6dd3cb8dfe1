package desk

import (
	"net/http"
	"slices"

	"comity/internal/authz"
	"comity/internal/procedure"
	"comity/internal/web"
)

// Front is the one address behind which every compartment has a desk of its own. Which of them answers is
// what the session is bound to: a page cannot show cases of two compartments, because it is drawn by a
// desk that was handed one.
type Front struct {
	desks map[string]*Desk
	doors map[string]*http.ServeMux
}

// Join puts desks behind one address. The first is that of the civic compartment, where sessions begin.
func Join(desks ...*Desk) *Front {
	f := &Front{desks: map[string]*Desk{}, doors: map[string]*http.ServeMux{}}
	var names []string
	for _, d := range desks {
		names = append(names, d.name())
	}
	for _, d := range desks {
		d.others = names
		mux := http.NewServeMux()
		d.Register(mux)
		f.desks[d.name()], f.doors[d.name()] = d, mux
	}
	return f
}

// Register puts every page of the desks on a mux: their addresses are the same.
func (f *Front) Register(mux web.Router) {
	civic := f.desks[procedure.Civic]
	civic.Register(front{mux, f})
}

// front registers, in place of each page of the civic desk, the door that chooses the desk.
type front struct {
	web.Router
	f *Front
}

func (r front) Handle(pattern string, _ http.Handler) { r.Router.Handle(pattern, r.f) }

func (f *Front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.doors[f.bound(r)].ServeHTTP(w, r)
}

// bound is the compartment of the session; the civic one without a session, and for one whose compartment
// the pack has no more.
func (f *Front) bound(r *http.Request) string {
	live, err := f.desks[procedure.Civic].session(r)
	if err != nil || f.doors[live.Compartment] == nil {
		return procedure.Civic
	}
	return live.Compartment
}

func (d *Desk) name() string {
	if d.Compartment == "" {
		return procedure.Civic
	}
	return d.Compartment
}

// compartmentPage is where somebody with rights in several compartments chooses the one to work in.
type compartmentPage struct {
	Here    string
	Choices []web.Choice
}

// entries are the compartments in which the account holds a role.
func (v *visit) entries() []string {
	var out []string
	for _, name := range v.others {
		if slices.ContainsFunc(v.who.Actor(v.pack.Rules).Grants(), func(g authz.Grant) bool {
			d, ok := v.pack.Rules.Role(g.Role)
			in := d.Compartment
			if in == "" {
				in = procedure.Civic
			}
			return ok && !d.Admin && in == name
		}) {
			out = append(out, name)
		}
	}
	return out
}

func (v *visit) compartmentShow() error {
	p := v.page("desk.compartment.title")
	data := compartmentPage{Here: v.name()}
	for _, name := range v.entries() {
		data.Choices = append(data.Choices, web.Choice{Value: name, Label: p.T("compartment." + name)})
	}
	return v.write(p, http.StatusOK, compartmentBody(p, data))
}

// compartmentGo binds the session to another compartment. It ends what was open of the one before; a
// supported one is entered only after the officer has proved again who they are.
func (v *visit) compartmentGo() error {
	if err := web.ReadForm(v.r, "compartment"); err != nil {
		return err
	}
	to := v.r.PostForm.Get("compartment")
	if !slices.Contains(v.entries(), to) {
		return web.ErrNotFound // one where the account holds nothing is one that does not exist
	}
	if to == procedure.Civic {
		to = ""
	} else if err := v.fresh(); err != nil {
		return err
	}
	if err := v.Accounts.Bind(v.ctx(), v.site.Secret(v.r, sessionCookie), to); err != nil {
		return err
	}
	http.Redirect(v.w, v.r, "/desk", http.StatusSeeOther)
	return nil
}

// elsewhere reports somebody whose work lies in other compartments only.
func (v *visit) elsewhere() bool {
	in := v.entries()
	return len(in) > 0 && !slices.Contains(in, v.name())
}

// here reports a procedure whose cases lie in this desk's compartment.
func (v *visit) here(id string) bool {
	d, ok := v.pack.Procedures[id]
	return ok && d.Compartment == v.name()
}

// leads reports a programme with a procedure in this desk's compartment.
func (v *visit) leads(programme string) bool {
	return slices.ContainsFunc(v.procedures(), func(id string) bool { return v.pack.Procedures[id].Programme == programme })
}
