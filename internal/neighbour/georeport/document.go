package georeport

import (
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Request is one service request as the endpoint tells it.
type Request struct {
	ID, Status, Notes, Service, Name, Text, Address, Media string
	Requested                                              time.Time
	Lat, Lon                                               float64
	Placed                                                 bool
}

// Update is what happened to a request.
type Update struct {
	ID, Request, Status, Words string
	At                         time.Time
}

// value is the text of an element, with what stands around it.
type value string

func (v value) text() string { return strings.TrimSpace(string(v)) }

// name is a number, a code or a word by which something is known again. What is too long for one, or has lines, is none.
func (v value) name() string {
	s := v.text()
	if len(s) > mostName || strings.ContainsFunc(s, unicode.IsControl) {
		return ""
	}
	return s
}

type receiptsDoc struct {
	XMLName  xml.Name `xml:"service_requests"`
	Requests []struct {
		ID    value `xml:"service_request_id"`
		Token value `xml:"token"`
	} `xml:"request"`
}

type requestsDoc struct {
	XMLName  xml.Name     `xml:"service_requests"`
	Requests []requestXML `xml:"request"`
}

type requestXML struct {
	ID        value `xml:"service_request_id"`
	Status    value `xml:"status"`
	Notes     value `xml:"status_notes"`
	Service   value `xml:"service_code"`
	Name      value `xml:"service_name"`
	Text      value `xml:"description"`
	Requested value `xml:"requested_datetime"`
	Address   value `xml:"address"`
	Lat       value `xml:"lat"`
	Long      value `xml:"long"`
	Media     value `xml:"media_url"`
}

func (x requestXML) request() Request {
	r := Request{ID: x.ID.name(), Status: strings.ToLower(x.Status.name()), Notes: clip(x.Notes.text(), mostHeard), Service: x.Service.name(), Name: x.Name.name(), Text: clip(x.Text.text(), mostHeard),
		Address: clip(x.Address.text(), mostHeard), Media: clip(x.Media.text(), mostHeard), Requested: instant(x.Requested)}
	lat, err1 := strconv.ParseFloat(x.Lat.text(), 64)
	lon, err2 := strconv.ParseFloat(x.Long.text(), 64)
	if err1 == nil && err2 == nil {
		r.Lat, r.Lon, r.Placed = lat, lon, true
	}
	return r
}

type updatesDoc struct {
	XMLName xml.Name    `xml:"service_request_updates"`
	Updates []updateXML `xml:"request_update"`
}

type updateXML struct {
	ID      value `xml:"update_id"`
	Request value `xml:"service_request_id"`
	Status  value `xml:"status"`
	At      value `xml:"updated_datetime"`
	Words   value `xml:"description"`
}

func (x updateXML) update() Update {
	return Update{ID: x.ID.name(), Request: x.Request.name(), Status: strings.ToLower(x.Status.name()), Words: clip(x.Words.text(), mostHeard), At: instant(x.At)}
}

type servicesDoc struct {
	XMLName  xml.Name `xml:"services"`
	Services []struct {
		Code value `xml:"service_code"`
	} `xml:"service"`
}

type errorsDoc struct {
	XMLName xml.Name `xml:"errors"`
	Errors  []struct {
		Code        value `xml:"code"`
		Description value `xml:"description"`
	} `xml:"error"`
}

// instant reads a date with its zone; zero where there is none. Some systems write no zone: they mean their own, which
// nobody here knows, so such a date is none.
func instant(v value) time.Time {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05Z0700"} {
		if t, err := time.Parse(layout, v.text()); err == nil {
			return t
		}
	}
	return time.Time{}
}

// decode reads one document. Entities of its own make it unreadable, so that a short text cannot become a long one.
func decode(from io.Reader, into any) error {
	d := xml.NewDecoder(from)
	d.CharsetReader = func(charset string, _ io.Reader) (io.Reader, error) {
		return nil, fmt.Errorf("it is written in %q, not in UTF-8", charset)
	}
	return d.Decode(into)
}
