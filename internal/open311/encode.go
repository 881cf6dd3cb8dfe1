package open311

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// format is how an answer is written.
type format int

const (
	inXML format = iota
	inJSON
)

// mediaTypes are the content types of the specification.
var mediaTypes = map[format]string{inXML: "text/xml; charset=utf-8", inJSON: "application/json; charset=utf-8"}

// answer is a document before it is written: the XML element it stands in, and what is in it. JSON is the same
// without that element, and lists are bare arrays (the Spark convention).
type answer struct {
	root string
	list *list  // of objects, or
	of   object // one object
}

// object is a row of fields in the order they are written.
type object []field

// field is one name with its value: a string (empty is null), a bool, a number, an object or a list.
type field struct {
	name  string
	value any
}

// number is written as it is; empty is null.
type number string

// list is a repeated element; each is an object or, with words, a string.
type list struct {
	item  string // element of one
	of    []object
	words []string
}

func decimal(f float64) number { return number(strconv.FormatFloat(f, 'f', -1, 64)) }

// write sends an answer.
func (s *Server) write(w http.ResponseWriter, c *call, status int, a answer) {
	var b bytes.Buffer
	if c.format == inJSON {
		a.json(&b)
	} else {
		a.xml(&b)
	}
	w.Header().Set("Content-Type", mediaTypes[c.format])
	w.WriteHeader(status)
	if c.Method == http.MethodHead {
		return
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		s.Log.Warn("an answer could not be sent", "error", err)
	}
}

func (a answer) xml(b *bytes.Buffer) {
	b.WriteString(`<?xml version="1.0" encoding="utf-8"?>` + "\n")
	if a.list != nil {
		xmlField(b, field{a.root, *a.list})
	} else {
		xmlField(b, field{a.root, a.of})
	}
	b.WriteByte('\n')
}

func xmlField(b *bytes.Buffer, f field) {
	b.WriteString("<" + f.name + ">")
	switch v := f.value.(type) {
	case string:
		xmlText(b, v)
	case number:
		xmlText(b, string(v))
	case bool:
		xmlText(b, strconv.FormatBool(v))
	case object:
		for _, f := range v {
			xmlField(b, f)
		}
	case list:
		for _, o := range v.of {
			xmlField(b, field{v.item, o})
		}
		for _, w := range v.words {
			xmlField(b, field{v.item, w})
		}
	}
	b.WriteString("</" + f.name + ">")
}

var xmlEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\r", "&#xD;")

// xmlText escapes; what XML cannot hold becomes a replacement character. Line ends stay as they are.
func xmlText(b *bytes.Buffer, s string) {
	s = strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
			return '\uFFFD'
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	b.WriteString(xmlEscapes.Replace(s))
}

func (a answer) json(b *bytes.Buffer) {
	if a.list != nil {
		jsonValue(b, *a.list)
	} else {
		jsonValue(b, a.of)
	}
	b.WriteByte('\n')
}

func jsonValue(b *bytes.Buffer, value any) {
	switch v := value.(type) {
	case string:
		jsonText(b, v)
	case number:
		if v == "" {
			v = "null"
		}
		b.WriteString(string(v))
	case bool:
		b.WriteString(strconv.FormatBool(v))
	case object:
		b.WriteByte('{')
		for i, f := range v {
			comma(b, i)
			jsonText(b, f.name)
			b.WriteByte(':')
			jsonValue(b, f.value)
		}
		b.WriteByte('}')
	case list:
		b.WriteByte('[')
		for i, o := range v.of {
			comma(b, i)
			jsonValue(b, o)
		}
		for i, w := range v.words {
			comma(b, i)
			jsonText(b, w)
		}
		b.WriteByte(']')
	}
}

func comma(b *bytes.Buffer, i int) {
	if i > 0 {
		b.WriteByte(',')
	}
}

// jsonText writes a string; an empty one is null.
func jsonText(b *bytes.Buffer, s string) {
	if s == "" {
		b.WriteString("null")
		return
	}
	var one bytes.Buffer
	e := json.NewEncoder(&one)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic("open311: a string does not encode: " + err.Error())
	}
	b.Write(bytes.TrimSuffix(one.Bytes(), []byte("\n")))
}
