package open311

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"comity/internal/form"
	"comity/internal/pack"
	"comity/internal/procedure"
	"comity/internal/text"
)

// specification is what the endpoint says it keeps.
const specification = "http://wiki.open311.org/GeoReport_v2"

// reportID is the attribute by which the real client names a report of its own. It fills it in by itself where a
// definition lists it, and it is by this name that a report that is sent again is known.
const reportID = "fixmystreet_id"

// hides is the keyword by which the real client keeps what is reported under a category to itself.
const hides = "private"

func (s *Server) discovery(c *call) (answer, error) {
	say := s.say("", c.lang)
	o := c.pack.Open311
	changed, err := time.ParseInLocation(time.DateOnly, o.Changeset, c.pack.Zone)
	if err != nil {
		return answer{}, err // the pack's check refuses it
	}
	day := c.written(changed)
	kind := "production"
	if s.Test {
		kind = "test"
	}
	endpoint := object{{"specification", specification}, {"url", s.address(c) + Endpoint}, {"changeset", day}, {"type", kind},
		{"formats", list{item: "format", words: []string{"text/xml", "application/json"}}}}
	return answer{root: "discovery", of: object{{"changeset", day}, {"contact", say.T("open311.contact")}, {"key_service", say.T("open311.key_service")},
		{"endpoints", list{item: "endpoint", of: []object{endpoint}}}}}, nil
}

// address is where the site is, as the operator says or else as the request was sent.
func (s *Server) address(c *call) string {
	if s.Base != "" {
		return s.Base
	}
	scheme := "http"
	if c.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + c.Host
}

func (s *Server) services(c *call) (answer, error) {
	say := s.say("", c.lang)
	out := list{item: "service"}
	for _, v := range c.pack.Open311.Services {
		out.of = append(out.of, offered(say, c.pack, v))
	}
	return answer{root: "services", list: &out}, nil
}

func offered(say text.Speaker, p *pack.Pack, v pack.Service) object {
	kind := "realtime"
	if v.Batch {
		kind = "batch"
	}
	return object{{"service_code", v.Code}, {"service_name", nameOf(say, v)}, {"description", hint(say, v)}, {"metadata", true}, {"type", kind},
		{"keywords", keywords(say, v)}, {"group", group(say, p, v)}}
}

// word is a text that a pack may leave out.
func word(say text.Speaker, key string) string {
	if !say.Has(key) {
		return ""
	}
	return say.T(key)
}

func nameOf(say text.Speaker, v pack.Service) string {
	if name := word(say, "open311."+v.Code+".name"); name != "" {
		return name
	}
	return say.T("category." + v.Category)
}

func hint(say text.Speaker, v pack.Service) string { return word(say, "category."+v.Category+".hint") }

func group(say text.Speaker, p *pack.Pack, v pack.Service) string {
	if name := word(say, "open311."+v.Code+".group"); name != "" {
		return name
	}
	k, _ := p.Category(v.Category)
	return word(say, "group."+k.Group)
}

func keywords(say text.Speaker, v pack.Service) string {
	words := word(say, "open311."+v.Code+".keywords")
	if v.Shown == pack.ShowNothing {
		words = strings.TrimSuffix(hides+","+words, ",")
	}
	return words
}

// service finds the one the address or a parameter names.
func (c *call) service(code string) (pack.Service, error) {
	v, ok := c.pack.Open311.Service(code)
	if !ok {
		return v, no(http.StatusNotFound, "service.unknown", "got", clip(code))
	}
	return v, nil
}

func (s *Server) definition(c *call) (answer, error) {
	v, err := c.service(c.id)
	if err != nil {
		return answer{}, err
	}
	say := s.say("", c.lang)
	out := list{item: "attribute"}
	d := c.pack.ProcedureFor(v.Category)
	for i, f := range d.Intake {
		out.of = append(out.of, attribute(say, d, f, i+1))
	}
	out.of = append(out.of, object{{"variable", true}, {"code", reportID}, {"datatype", "string"}, {"required", false},
		{"datatype_description", ""}, {"order", number(strconv.Itoa(len(d.Intake) + 1))}, {"description", say.T("open311.report_id")}, {"automated", "server_set"}})
	return answer{root: "service_definition", of: object{{"service_code", v.Code}, {"attributes", out}}}, nil
}

// datatypes are the kinds of fields in the words of the specification.
var datatypes = map[form.Kind]string{form.Text: "string", form.LongText: "text", form.Choice: "singlevaluelist", form.Number: "number",
	form.Date: "datetime", form.Yes: "singlevaluelist", form.Phone: "string", form.Unit: "string"}

// attribute is one question of the procedure. What is required in some cases only is not called required here; the
// report is refused with the reason when it is missing then.
func attribute(say text.Speaker, d *procedure.Definition, f form.Field, order int) object {
	out := object{{"variable", true}, {"code", f.Name}, {"datatype", datatypes[f.Kind]}, {"required", f.Required},
		{"datatype_description", datatypeWords(say, f)}, {"order", number(strconv.Itoa(order))}, {"description", say.T("field." + d.ID + ".open." + f.Name)}}
	values := list{item: "value"}
	for _, id := range options(f) {
		values.of = append(values.of, object{{"key", id}, {"name", option(say, d, f, id)}})
	}
	if len(values.of) > 0 {
		out = append(out, field{"values", values})
	}
	return out
}

func options(f form.Field) []string {
	if f.Kind == form.Yes {
		return []string{"yes", "no"}
	}
	return f.Options
}

func option(say text.Speaker, d *procedure.Definition, f form.Field, id string) string {
	for _, key := range []string{"option." + d.ID + ".open." + f.Name + "." + id, "field." + f.Name + "." + id, "open311.option." + id} {
		if say.Has(key) {
			return say.T(key)
		}
	}
	return id
}

// datatypeWords say how an answer has to look, where that is not plain.
func datatypeWords(say text.Speaker, f form.Field) string {
	key := "open311.datatype." + string(f.Kind)
	switch {
	case f.Kind == form.Text || f.Kind == form.LongText:
		most := f.Max
		if most == 0 {
			most = form.MaxText
		}
		return say.T(key, "max", strconv.Itoa(most))
	case f.Kind == form.Number && f.Max > 0:
		return say.T(key, "min", strconv.Itoa(f.Min), "max", strconv.Itoa(f.Max))
	case slices.Contains([]form.Kind{form.Date, form.Phone, form.Unit}, f.Kind):
		return say.T(key)
	}
	return ""
}
