// Package paper owns the plain format of letters and other papers a pack brings: a template is read
// into blocks, and its places are filled with the facts of one case.
//
// The format: the first line is "# Title". A blank line ends a paragraph; lines that begin with "- "
// are a list; a line "---" begins the signature, which runs to the end. {name} is a place.
//
// It refuses to draw (surfaces turn blocks into a page), to know what a name stands for, and to read
// markup or places in what was filled in: a resident's text stays text.
//
// This file is the whole package.
package paper

import (
	"fmt"
	"slices"
	"strings"
)

// Kind says what a block is.
type Kind string

// The kinds of blocks.
const (
	Title     Kind = "title"
	Paragraph Kind = "paragraph"
	List      Kind = "list"
	Signature Kind = "signature"
)

// Block is one part of a paper. Lines are the items of a list and the lines of anything else.
type Block struct {
	Kind  Kind
	Lines []string
}

// Place is a name in braces, and the line of the template it stands on.
type Place struct {
	Name string
	Line int
}

// Mistake is something that is no template, with its line.
type Mistake struct {
	Line int
	Why  string
}

// Error names the line.
func (m *Mistake) Error() string { return fmt.Sprintf("line %d: %s", m.Line, m.Why) }

// Template is a paper with places to fill. The zero Template is an empty one.
type Template struct {
	Blocks []Block
	Places []Place
}

// Read reads a template. The error is a *Mistake.
func Read(src string) (Template, error) {
	var t Template
	lines := strings.Split(strings.TrimPrefix(strings.ReplaceAll(src, "\r\n", "\n"), "\ufeff"), "\n")
	title, ok := strings.CutPrefix(lines[0], "# ")
	if !ok || strings.TrimSpace(title) == "" {
		return t, &Mistake{1, `a paper begins with its title: "# " and the words`}
	}
	places, err := Places(strings.Join(lines, "\n"))
	if err != nil {
		return t, err
	}
	t.Places = places
	t.Blocks = append(t.Blocks, Block{Title, []string{strings.TrimSpace(title)}})
	open := false // the last block takes further lines
	for _, line := range lines[1:] {
		line = strings.TrimSpace(line)
		last := &t.Blocks[len(t.Blocks)-1]
		item, listed := strings.CutPrefix(line, "- ")
		switch {
		case last.Kind == Signature:
			if line != "" {
				last.Lines = append(last.Lines, line)
			}
		case line == "---":
			t.Blocks = append(t.Blocks, Block{Kind: Signature})
		case line == "":
			open = false
		case listed && open && last.Kind == List:
			last.Lines = append(last.Lines, item)
		case listed:
			t.Blocks, open = append(t.Blocks, Block{List, []string{item}}), true
		case open && last.Kind == Paragraph:
			last.Lines = append(last.Lines, line)
		default:
			t.Blocks, open = append(t.Blocks, Block{Paragraph, []string{line}}), true
		}
	}
	return t, nil
}

// Fill is the paper with every place filled. value is asked once for each place of each block.
func (t Template) Fill(value func(name string) string) []Block {
	out := make([]Block, len(t.Blocks))
	for i, b := range t.Blocks {
		out[i] = Block{Kind: b.Kind}
		for _, line := range b.Lines {
			out[i].Lines = append(out[i].Lines, strings.Split(Fill(line, value), "\n")...) // what has several lines is set in several
		}
	}
	return out
}

// Names are the names a template uses, each once, in alphabetical order.
func (t Template) Names() []string {
	var out []string
	for _, p := range t.Places {
		out = append(out, p.Name)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Places finds the places of a text. A brace that opens or closes none is a *Mistake.
func Places(text string) ([]Place, error) {
	var out []Place
	line := 1
	for rest := text; ; {
		i := strings.IndexAny(rest, "{}")
		if i < 0 {
			return out, nil
		}
		line += strings.Count(rest[:i], "\n")
		name, after, ok := place(rest[i:])
		if !ok {
			return nil, &Mistake{line, fmt.Sprintf("a brace that is no place like {ref}: %.20q", rest[i:])}
		}
		out = append(out, Place{name, line})
		rest = after
	}
}

// place reads one place at the beginning of a text.
func place(s string) (name, rest string, ok bool) {
	if !strings.HasPrefix(s, "{") {
		return "", "", false
	}
	end := strings.IndexByte(s, '}')
	if end < 2 || strings.Trim(s[1:end], "abcdefghijklmnopqrstuvwxyz0123456789._-") != "" {
		return "", "", false
	}
	return s[1:end], s[end+1:], true
}

// Fill fills the places of a text in one pass, so that braces in a value are never filled again.
func Fill(text string, value func(name string) string) string {
	var b strings.Builder
	for {
		i := strings.IndexByte(text, '{')
		if i < 0 {
			b.WriteString(text)
			return b.String()
		}
		b.WriteString(text[:i])
		name, rest, ok := place(text[i:])
		if !ok {
			b.WriteByte('{')
			text = text[i+1:]
			continue
		}
		b.WriteString(value(name))
		text = rest
	}
}
