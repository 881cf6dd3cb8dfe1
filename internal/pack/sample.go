package pack

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"comity/internal/authz"
	"comity/internal/org"
	"comity/internal/procedure"
)

// A base has no units, yet its procedures are to be checked before any city stands on it. They are
// checked in a sample city: one unit on each level that holds every role the procedures name, and each
// department they name on the levels that have departments.

// nobody lists whom acts are done by without a unit: they are no roles.
var nobody = []string{string(authz.System), string(authz.Resident), procedure.ByMember, procedure.ByParent, procedure.ByChild, procedure.ByGroup}

// sampleUnits makes the sample city. Its names are ids: they are seen in counterexamples only.
func (l *loader) sampleUnits() unitsFile {
	if f, err := l.fsys.Open("units.yaml"); err == nil {
		f.Close()
		l.bad.at(l.fsys[0].path("units.yaml"), 1, "an abstract pack has no units; remove the file, or abstract from pack.yaml")
	}
	roles, depts := l.rolesAndDepts()
	var f unitsFile
	add := func(id, parent string, level org.Level, dept string) {
		u := unitYAML{ID: id, Parent: parent, Level: level.String(), Dept: dept, Roles: roles, Name: words{}}
		for _, lang := range l.p.Langs {
			u.Name[lang] = id
		}
		f.Units = append(f.Units, u)
	}
	parent := ""
	for level := org.City; level <= org.Group; level++ {
		add(level.String(), parent, level, "")
		parent = level.String()
	}
	for _, level := range []org.Level{org.City, org.District} {
		for _, d := range depts {
			add(fmt.Sprintf("%s-%s", level, d), level.String(), level, d)
		}
	}
	return f
}

// rolesAndDepts lists what procedures and categories name. Files that cannot be read are reported when
// their turn comes.
func (l *loader) rolesAndDepts() (roles, depts []string) {
	note := func(list *[]string, name string) {
		if name != "" && !slices.Contains(*list, name) {
			*list = append(*list, name)
		}
	}
	files, _ := fs.Glob(l.fsys, "procedures/*.yaml")
	for _, name := range files {
		var f procedureFile
		readYAML(l.fsys, name, &f, &problems{})
		for _, a := range f.Acts {
			for _, r := range slices.Concat(a.By, a.Behalf) {
				if !slices.Contains(nobody, r) {
					note(&roles, r)
				}
			}
			note(&depts, a.Dept)
		}
		for _, link := range f.Links {
			if dept, ok := strings.CutPrefix(link.Unit, procedure.UnitDept); ok {
				note(&depts, dept)
			}
		}
	}
	var c categoriesFile
	readYAML(l.fsys, "categories.yaml", &c, &problems{})
	for _, x := range c.Categories {
		note(&depts, x.Route.Dept)
	}
	return roles, depts
}
