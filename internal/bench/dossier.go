package main

import (
	"bytes"
	"compress/zlib"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"strconv"
	"strings"
	"time"

	"comity/internal/casefile"
	"comity/internal/text"
)

// dossier times the file of a large case: 200 pages and more of records, tables and scans, laid out, hashed,
// a code on every page, written as PDF/A. The baseline is the least that any file of it takes: the same
// words packed page by page, the same pictures copied, without a line being broken.
func dossier(_ context.Context, o options, _ string, t *table) error {
	f, err := thickFile()
	if err != nil {
		return err
	}
	var whole, least series
	pages, size := 0, 0
	for range o.rounds {
		began := time.Now()
		made, err := casefile.Make(f)
		if err != nil {
			return err
		}
		whole = append(whole, time.Since(began).Seconds())
		pages, size = made.Pages, len(made.Data)
		began = time.Now()
		if err := packOnly(f, pages); err != nil {
			return err
		}
		least = append(least, time.Since(began).Seconds())
	}
	if pages < 200 {
		return errors.New("the file has fewer than 200 pages and measures something else")
	}
	t.row(fmt.Sprintf("case file as PDF/A, %d pages, %.1f MB, s", pages, float64(size)/1e6), whole.format("%.2f"), "the same words packed, pictures copied: "+least.format("%.3f"),
		whole.over(least).format("%.1f"), "below 2 s", yes(whole.median() < 2))
	return nil
}

// thickFile is an invented file: sixty records of two pages, twelve long lists, forty scans.
func thickFile() (casefile.File, error) {
	base, err := text.Base()
	if err != nil {
		return casefile.File{}, err
	}
	f := casefile.File{Case: "TJ-2026-000417", Name: "Case file", Number: "(2026) No. 417", Organ: "Committee", Lang: "zh-CN", Made: time.Date(2026, 4, 21, 2, 0, 0, 0, time.UTC),
		Cover: []casefile.Row{{Label: "Title", Value: "A burst pipe"}, {Label: "Pages", Value: "{pages}"}}, BackName: "Back cover", Check: "https://gov.example.cn/v", Say: base.In("zh-CN").T}
	records, lists, scans := casefile.Part{ID: "records", Name: "Records"}, casefile.Part{ID: "lists", Name: "Lists"}, casefile.Part{ID: "scans", Name: "Scans"}
	for i := range 60 {
		said := numbered(i)
		records.Papers = append(records.Papers, casefile.Paper{Title: "Record " + strconv.Itoa(i+1), Date: "2026-03-02", Record: casefile.Record{Seq: i + 1, Hash: strings.Repeat("0f3a", 16)}, Blocks: []casefile.Block{
			{Kind: casefile.Title, Lines: []string{"Record"}}, {Kind: casefile.Form, Rows: [][]string{{"Ref", "TJ-2026-000417"}, {"Present", "Li, Zhang, Zhou"}}},
			{Kind: casefile.Paragraph, Lines: []string{said}}, {Kind: casefile.Sign, Lines: []string{"Applicant", "Respondent"}}}})
	}
	for i := range 12 {
		rows := [][]string{{"No.", "Paper", "By", "Date"}}
		for j := range 60 {
			rows = append(rows, []string{strconv.Itoa(j + 1), numbered(i*60 + j)[:90], "Li", "2026-03-06"})
		}
		lists.Papers = append(lists.Papers, casefile.Paper{Title: "List", Date: "2026-03-06", Blocks: []casefile.Block{{Kind: casefile.Title, Lines: []string{"List"}}, {Kind: casefile.Table, Rows: rows}}})
	}
	for i := range 40 {
		data, err := scanned(i)
		if err != nil {
			return f, err
		}
		scans.Papers = append(scans.Papers, casefile.Paper{Title: "Scan", Date: "2026-03-06", Scans: []casefile.Scan{{Name: fmt.Sprintf("scan-%d.jpg", i), Kind: "image/jpeg", Data: data}}})
	}
	f.Parts = []casefile.Part{records, lists, scans}
	return f, nil
}

// numbered is some 600 characters in which Chinese, figures and signs change places, never twice the same.
func numbered(n int) string {
	var b strings.Builder
	for i := range 600 {
		switch k := n*31 + i*17; {
		case i%23 == 22:
			b.WriteRune('\uff0c') // comma of Chinese
		case i%61 == 60:
			b.WriteString("\u3002")
		case i%37 > 33:
			b.WriteByte(byte('0' + k%10))
		default:
			b.WriteRune(rune(0x4e00 + k%2000))
		}
	}
	return b.String()
}

func scanned(n int) ([]byte, error) {
	img := image.NewRGBA(image.Rect(0, 0, 1240, 1754)) // A4 at 150 dots an inch
	for y := range 1754 {
		for x := range 1240 {
			img.Set(x, y, color.RGBA{uint8(x/5 + n), uint8(y / 7), uint8((x ^ y) / 16), 255})
		}
	}
	var b bytes.Buffer
	err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 75})
	return b.Bytes(), err
}

func packOnly(f casefile.File, pages int) error {
	var out bytes.Buffer
	var words []string
	for _, p := range f.Parts {
		for _, x := range p.Papers {
			for _, b := range x.Blocks {
				words = append(words, b.Lines...)
				for _, r := range b.Rows {
					words = append(words, r...)
				}
			}
			for _, s := range x.Scans {
				out.Write(s.Data)
			}
		}
	}
	each := len(words)/pages + 1
	for len(words) > 0 {
		n := min(each, len(words))
		z := zlib.NewWriter(&out)
		if _, err := io.WriteString(z, strings.Join(words[:n], "\n")); err != nil {
			return err
		}
		if err := z.Close(); err != nil {
			return err
		}
		words = words[n:]
	}
	return nil
}
