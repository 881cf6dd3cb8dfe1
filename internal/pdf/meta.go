package pdf

import (
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"strings"
	"unicode/utf16"
)

// text is a string of PDF, in UTF-16, spelled in hexadecimal.
func text(s string) string {
	b := []byte{0xfe, 0xff}
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u>>8), byte(u))
	}
	return "<" + strings.ToUpper(hex.EncodeToString(b)) + ">"
}

// info is what the file says about itself to old programs; packet says the same to the others, and that
// it is PDF/A. PDF/A wants the two to agree, so both are written from the same words.
func (o Options) info() string {
	var b strings.Builder
	b.WriteString("<<")
	for _, f := range [][2]string{{"Title", o.Title}, {"Author", o.Author}, {"Subject", o.Subject}, {"Producer", o.Producer}, {"Creator", o.Producer}} {
		if f[1] != "" {
			fmt.Fprintf(&b, "/%s %s ", f[0], text(f[1]))
		}
	}
	at := o.Made.UTC().Format("D:20060102150405Z")
	fmt.Fprintf(&b, "/CreationDate (%s) /ModDate (%s)>>", at, at)
	return b.String()
}

func (o Options) packet() []byte {
	var b strings.Builder
	b.WriteString("<?xpacket begin=\"\ufeff\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n" +
		`<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">` +
		`<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"` +
		` xmlns:pdf="http://ns.adobe.com/pdf/1.3/" xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/">` + "\n" +
		"<pdfaid:part>2</pdfaid:part><pdfaid:conformance>U</pdfaid:conformance>\n<dc:format>application/pdf</dc:format>\n")
	put := func(before, value, after string) {
		if value == "" {
			return
		}
		b.WriteString(before)
		_ = xml.EscapeText(&b, []byte(value)) // a strings.Builder takes everything
		b.WriteString(after + "\n")
	}
	put(`<dc:title><rdf:Alt><rdf:li xml:lang="x-default">`, o.Title, `</rdf:li></rdf:Alt></dc:title>`)
	put(`<dc:description><rdf:Alt><rdf:li xml:lang="x-default">`, o.Subject, `</rdf:li></rdf:Alt></dc:description>`)
	put(`<dc:creator><rdf:Seq><rdf:li>`, o.Author, `</rdf:li></rdf:Seq></dc:creator>`)
	put(`<dc:language><rdf:Bag><rdf:li>`, o.Lang, `</rdf:li></rdf:Bag></dc:language>`)
	put(`<pdf:Producer>`, o.Producer, `</pdf:Producer>`)
	put(`<xmp:CreatorTool>`, o.Producer, `</xmp:CreatorTool>`)
	at := o.Made.UTC().Format("2006-01-02T15:04:05Z")
	put(`<xmp:CreateDate>`, at, `</xmp:CreateDate>`)
	put(`<xmp:ModifyDate>`, at, `</xmp:ModifyDate>`)
	put(`<xmp:MetadataDate>`, at, `</xmp:MetadataDate>`)
	b.WriteString("</rdf:Description></rdf:RDF></x:xmpmeta>\n<?xpacket end=\"r\"?>")
	return []byte(b.String())
}
