package open311_test

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"comity/internal/open311"
)

// The shapes below say what the published JSON Schemas of GeoReport v2 ask of an answer (open311/schema-validation):
// which names must be there, of which type each is, and which words it may be. Dates are held to the W3C note as well.

type shape struct {
	needed []string
	types  map[string]string // name → string, boolean, number, date; with ? at the end it may be null
	words  map[string][]string
	lists  map[string]shape
}

var (
	serviceShape = shape{
		needed: []string{"service_code", "service_name", "metadata", "type"},
		types: map[string]string{"service_code": "string", "service_name": "string", "description": "string?", "metadata": "boolean", "type": "string",
			"keywords": "string?", "group": "string?"},
		words: map[string][]string{"type": {"realtime", "batch", "blackbox"}},
	}
	definitionShape = shape{
		needed: []string{"service_code", "attributes"},
		types:  map[string]string{"service_code": "string"},
		lists: map[string]shape{"attributes": {
			needed: []string{"variable", "code", "datatype", "required"},
			types: map[string]string{"variable": "boolean", "code": "string", "datatype": "string", "required": "boolean", "datatype_description": "string?",
				"order": "number?", "description": "string?", "automated": "string"},
			words: map[string][]string{"datatype": {"string", "number", "datetime", "text", "singlevaluelist", "multivaluelist"}, "automated": {"server_set"}},
			lists: map[string]shape{"values": {needed: []string{"key", "name"}, types: map[string]string{"key": "string", "name": "string"}}},
		}},
	}
	requestShape = shape{
		needed: []string{"service_request_id", "status", "service_code", "requested_datetime"},
		types: map[string]string{"service_request_id": "string", "status": "string", "status_notes": "string?", "service_name": "string?", "service_code": "string",
			"description": "string?", "agency_responsible": "string?", "service_notice": "string?", "requested_datetime": "date", "updated_datetime": "date?",
			"expected_datetime": "date?", "address": "string?", "address_id": "string?", "zipcode": "string?", "lat": "number?", "long": "number?", "media_url": "string?"},
		words: map[string][]string{"status": {"open", "closed"}},
	}
	errorShape = shape{needed: []string{"code", "description"}, types: map[string]string{"code": "number", "description": "string"}}
)

func (s shape) check(value any) error {
	o, ok := value.(map[string]any)
	if !ok {
		return fmt.Errorf("%v is no object", value)
	}
	for _, n := range s.needed {
		if o[n] == nil {
			return fmt.Errorf("%s is missing in %v", n, o)
		}
	}
	for name, v := range o {
		if inner, ok := s.lists[name]; ok {
			list, ok := v.([]any)
			if !ok {
				return fmt.Errorf("%s is no list", name)
			}
			for _, one := range list {
				if err := inner.check(one); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
			}
			continue
		}
		if err := s.value(name, v); err != nil {
			return err
		}
	}
	return nil
}

func (s shape) value(name string, v any) error {
	kind, ok := s.types[name]
	if !ok {
		return fmt.Errorf("%s is not in the specification", name)
	}
	kind, nullable := strings.CutSuffix(kind, "?")
	if v == nil {
		if nullable {
			return nil
		}
		return fmt.Errorf("%s is null", name)
	}
	text, isText := v.(string)
	switch kind {
	case "string":
		if ok = isText && text != ""; ok && s.words[name] != nil {
			ok = slices.Contains(s.words[name], text)
		}
	case "boolean":
		_, ok = v.(bool)
	case "number":
		_, ok = v.(json.Number)
	case "date":
		at, err := time.Parse("2006-01-02T15:04:05Z07:00", text)
		ok = isText && err == nil && len(text) <= len("2006-01-02T15:04:05+08:00") && at.Year() == 2026
	}
	if !ok {
		return fmt.Errorf("%s: %v is no %s", name, v, kind)
	}
	return nil
}

func Test_answers_in_JSON_have_the_published_shapes(t *testing.T) {
	quick(t, func(s *site) {
		ref := s.post("requests.xml", s.pothole("lat", "28.1255", "long", "112.2610")).opened()
		s.post("requests.xml", s.pothole("service_code", "noise.shop")).opened()
		s.do(ref, "accept")
		for what, c := range map[string]struct {
			of    shape
			alone bool
		}{
			"services.json": {serviceShape, false}, "services/road.pothole.json": {definitionShape, true}, "services/noise.shop.json": {definitionShape, true},
			"requests.json": {requestShape, false}, "requests/" + ref + ".json": {requestShape, false}, "requests/none.json": {errorShape, false}, "nowhere.json": {errorShape, false},
		} {
			var v any
			a := s.get(what).json(&v)
			list, bare := v.([]any)
			if c.alone {
				list = []any{v}
			} else if !bare || len(list) == 0 {
				t.Errorf("%s: not a bare list: %s", what, a.Body)
			}
			for _, one := range list {
				if err := c.of.check(one); err != nil {
					t.Errorf("%s: %v", what, err)
				}
			}
			if got := a.Header().Get("Content-Type"); got != "application/json; charset=utf-8" {
				t.Errorf("%s: Content-Type %s", what, got)
			}
		}
	})
}

// spark reads an answer in XML and gives what JSON says of it by the Spark convention: elements that hold elements are
// objects, repeated ones in a plural are lists.
func spark(d *xml.Decoder, name string) (any, error) {
	text, order := "", []string{}
	inner := map[string]any{}
	var list []any
	for {
		tok, err := d.Token()
		if err != nil {
			return nil, err
		}
		switch tok := tok.(type) {
		case xml.CharData:
			text += string(tok)
		case xml.StartElement:
			v, err := spark(d, tok.Name.Local)
			if err != nil {
				return nil, err
			}
			order = append(order, tok.Name.Local)
			inner[tok.Name.Local], list = v, append(list, v)
		case xml.EndElement:
			switch {
			case plural(name):
				if list == nil {
					list = []any{}
				}
				return list, nil
			case len(order) > 0:
				return inner, nil
			}
			return text, nil
		}
	}
}

func plural(name string) bool {
	return slices.Contains([]string{"services", "attributes", "values", "service_requests", "errors", "endpoints", "formats", "service_request_updates", "notes"}, name)
}

// loose makes a value of JSON what XML can say of it.
func loose(v any) any {
	switch v := v.(type) {
	case nil:
		return ""
	case bool, json.Number:
		return fmt.Sprint(v)
	case []any:
		out := []any{}
		for _, one := range v {
			out = append(out, loose(one))
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for k, one := range v {
			out[k] = loose(one)
		}
		return out
	}
	return v
}

func Test_both_formats_say_the_same(t *testing.T) {
	quick(t, func(s *site) {
		ref := s.post("requests.xml", s.pothole("lat", "28.1255", "long", "112.2610", "description", "a & b\n\"c\" <d")).opened()
		s.do(ref, "accept")
		for _, what := range []string{"discovery.", "services.", "services/road.pothole.", "requests.", "requests/" + ref + ".", "servicerequestupdates.", "requests/none.", "nowhere."} {
			var fromJSON any
			s.get(what+"json", "extensions", "true").json(&fromJSON)
			d := xml.NewDecoder(strings.NewReader(s.get(what+"xml", "extensions", "true").Body.String()))
			var fromXML any
			for {
				tok, err := d.Token()
				if err == io.EOF {
					break
				}
				must(t, err)
				if e, ok := tok.(xml.StartElement); ok {
					fromXML, err = spark(d, e.Name.Local)
					must(t, err)
				}
			}
			if a, b := fmt.Sprint(loose(fromJSON)), fmt.Sprint(fromXML); a != b {
				t.Errorf("%s\nJSON %s\nXML  %s", what, a, b)
			}
		}
	})
}

func Test_fields_stand_in_the_order_of_the_specification(t *testing.T) {
	quick(t, func(s *site) {
		s.post("requests.xml", s.pothole()).opened()
		body := s.get("requests.xml").want(200).Body.String()
		last := 0
		for _, name := range []string{"service_request_id", "status", "status_notes", "service_name", "service_code", "description", "agency_responsible", "service_notice",
			"requested_datetime", "updated_datetime", "expected_datetime", "address", "address_id", "zipcode", "lat", "long", "media_url"} {
			at := strings.Index(body, "<"+name+">")
			if at < last {
				t.Errorf("%s stands at %d, before the one before it", name, at)
			}
			last = at
		}
	})
}

func Test_answers_say_their_type_and_nobody_keeps_them(t *testing.T) {
	quick(t, func(s *site) {
		for f, want := range map[string]string{"xml": "text/xml; charset=utf-8", "json": "application/json; charset=utf-8"} {
			for _, what := range []string{"services.", "requests.", "requests/none.", "discovery."} {
				h := s.get(what + f).Header()
				if h.Get("Content-Type") != want || h.Get("Cache-Control") != "no-store" || h.Get("X-Content-Type-Options") != "nosniff" {
					t.Errorf("%s%s: %v", what, f, h)
				}
			}
		}
		r := httptest.NewRequest(http.MethodHead, open311.Endpoint+"services.xml?jurisdiction_id=linjiang.example", nil)
		if a := s.send(r); a.Code != 200 || a.Body.Len() > 0 {
			t.Errorf("HEAD answers %d with %d bytes", a.Code, a.Body.Len())
		}
	})
}

func Test_discovery_is_where_clients_look_for_it(t *testing.T) {
	quick(t, func(s *site) {
		for _, path := range []string{open311.Root + "discovery.", open311.Endpoint + "discovery."} {
			for _, f := range []string{"xml", "json"} {
				a := s.send(httptest.NewRequest(http.MethodGet, path+f, nil))
				a.says(200, "https://linjiang.example/open311/v2/", "text/xml", "application/json", "2026-11-02T00:00:00+08:00", "test")
			}
		}
		if !strings.HasSuffix(open311.Endpoint, "/") {
			t.Error("the endpoint does not end in a slash, and clients append to it as to a string")
		}
	})
}
