package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// maxDepth is deeper than any body described here.
const maxDepth = 16

var (
	errUTF8  = errors.New("the body is not UTF-8")
	errNUL   = errors.New("the body holds a null character")
	errDeep  = errors.New("the body is nested deeper than any operation reads")
	errTwice = errors.New("a member is named twice")
)

// readJSON refuses what encoding/json would quietly repair or overlook, and what two programs may read
// differently: broken UTF-8, null characters, a member named twice, and endless nesting.
func readJSON(data []byte, v any) error {
	if !utf8.Valid(data) {
		return errUTF8
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if err := walk(d, 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return json.Unmarshal(data, v)
}

// walk reads one value and what is in it.
func walk(d *json.Decoder, depth int) error {
	if depth > maxDepth {
		return errDeep
	}
	t, err := d.Token()
	if err != nil {
		return err
	}
	switch t := t.(type) {
	case string:
		return clean(t)
	case json.Delim:
		return walkInside(d, t, depth)
	}
	return nil
}

func walkInside(d *json.Decoder, open json.Delim, depth int) error {
	seen := map[string]bool{}
	for d.More() {
		if open == '{' {
			if err := member(d, seen); err != nil {
				return err
			}
		}
		if err := walk(d, depth+1); err != nil {
			return err
		}
	}
	_, err := d.Token() // the end of it
	return err
}

func member(d *json.Decoder, seen map[string]bool) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	name := fmt.Sprint(t) // the decoder lets nothing but strings stand here
	if seen[name] {
		return errTwice
	}
	seen[name] = true
	return clean(name)
}

func clean(s string) error {
	if strings.ContainsRune(s, 0) {
		return errNUL
	}
	return nil
}
