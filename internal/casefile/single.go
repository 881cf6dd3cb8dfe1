package casefile

import (
	"io"
	"time"

	"comity/internal/paper"
	"comity/internal/pdf"
	"comity/internal/pdf/truetype"
)

// Letter is one paper alone, as it is handed out or sent.
type Letter struct {
	Case  string // number, for head and document information
	From  string // who sends it
	Lang  string
	Made  time.Time
	Paper Paper
	Note  string // small, at the foot: who printed it, and when
	Say   Say
	Fonts []*truetype.Font
}

// WriteLetter writes one paper as PDF/A.
func WriteLetter(w io.Writer, l Letter) error {
	d, err := pdf.New(pdf.Options{Title: l.Paper.Title, Author: l.From, Subject: l.Case, Lang: l.Lang, Made: l.Made, Producer: "Comity", Fonts: l.Fonts})
	if err != nil {
		return err
	}
	d.NewPage()
	d.Bookmark(1, l.Paper.Title)
	if err := setPaper(d, l.Say, l.Paper); err != nil {
		return err
	}
	if err := d.Stamp(func(page, of int) pdf.Stamp {
		note := l.Note
		if absent := glyphless(d, page); absent != "" {
			note += "\n" + l.Say("casefile.glyphs", "list", absent)
		}
		return pdf.Stamp{Head: l.From, HeadRight: l.Case, FootSmall: note, Foot: l.Say("casefile.page", "page", itoa(page), "of", itoa(of))}
	}); err != nil {
		return err
	}
	_, err = d.WriteTo(w)
	return err
}

// FromPaper turns the blocks of a paper of a pack, with their places filled, into blocks of a file.
func FromPaper(blocks []paper.Block) []Block {
	out := make([]Block, len(blocks))
	for i, b := range blocks {
		out[i] = Block{Kind: kinds[b.Kind], Lines: b.Lines}
	}
	return out
}

var kinds = map[paper.Kind]Kind{paper.Title: Title, paper.Paragraph: Paragraph, paper.List: List, paper.Signature: Signature}
