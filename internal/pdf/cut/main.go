// Command cut makes the font that documents are set in: Noto Sans SC, cut to the characters offices
// need. Run it again when another edition of the font is taken; the result depends on its input alone.
//
//	npm pack @expo-google-fonts/noto-sans-sc@0.4.3
//	tar xzf expo-google-fonts-noto-sans-sc-0.4.3.tgz package/400Regular/NotoSansSC_400Regular.ttf
//	go run ./internal/pdf/cut package/400Regular/NotoSansSC_400Regular.ttf internal/pdf/font/NotoSansSC-cut.ttf.gz
//
// It owns which characters those are: GB 2312, what the Table of General Standard Chinese Characters
// (2013) has beyond it (standard.txt, after the field kTGH of Unicode's Unihan database), Latin letters
// with their marks, and signs. It refuses to add a character the font has not.
package main

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"unicode"

	"golang.org/x/text/encoding/simplifiedchinese"

	"comity/internal/pdf/truetype"
)

//go:embed standard.txt
var standard string

// ranges are what is taken whole, as far as the font has it.
var ranges = [][2]rune{
	{0x20, 0x7e}, {0xa0, 0x17f}, {0x1cd, 0x1dc}, {0x2c6, 0x2dd}, {0x391, 0x3c9}, {0x401, 0x451},
	{0x2010, 0x203b}, {0x20ac, 0x20ac}, {0x2103, 0x2122}, {0x2150, 0x218f}, {0x2190, 0x2199}, {0x2200, 0x22a5},
	{0x2460, 0x24ff}, {0x2500, 0x257f}, {0x25a0, 0x25ef}, {0x2605, 0x2611}, {0x2713, 0x2717},
	{0x3000, 0x3030}, {0x3041, 0x30ff}, {0x3105, 0x312f}, {0x3220, 0x3243}, {0x3280, 0x32b0}, {0x338e, 0x33d5}, {0xff01, 0xffe5},
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "cut:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return errors.New("name the font and the file to write")
	}
	raw, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	font, err := truetype.Parse(raw)
	if err != nil {
		return err
	}
	out, err := font.Cut(characters())
	if err != nil {
		return err
	}
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := z.Write(out); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return os.WriteFile(args[1], b.Bytes(), 0o644)
}

func characters() []rune {
	var out []rune
	for _, r := range ranges {
		for c := r[0]; c <= r[1]; c++ {
			out = append(out, c)
		}
	}
	for _, c := range standard {
		if !unicode.IsSpace(c) {
			out = append(out, c)
		}
	}
	decode := simplifiedchinese.HZGB2312.NewDecoder()
	for row := byte(0x21); row <= 0x77; row++ {
		for cell := byte(0x21); cell <= 0x7e; cell++ {
			s, err := decode.Bytes([]byte{'~', '{', row, cell, '~', '}'})
			if err == nil {
				out = append(out, bytes.Runes(s)...)
			}
		}
	}
	return out
}
