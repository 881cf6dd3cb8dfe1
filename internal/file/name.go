package file

import (
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

const maxNameRunes = 120

// cleanName returns the sender's name for the file without folders, control
// and invisible characters, at most 120 characters, ending in the extension
// that is true for kind. A name of which nothing is left becomes the beginning
// of the content's hash, because a word would need a language.
func cleanName(name, kind, sum string) string {
	name = visible(name)
	if ext := path.Ext(name); extensions[strings.ToLower(ext)] != "" {
		name = strings.TrimSuffix(name, ext)
	}
	name = strings.Trim(name, " .")
	if name == "" {
		name = sum[:8]
	}
	ext := trueExtension[kind]
	if runes := []rune(name); len(runes) > maxNameRunes-len(ext) {
		name = strings.TrimRight(string(runes[:maxNameRunes-len(ext)]), " .")
	}
	return name + ext
}

// visible returns the last element of name without characters that cannot be
// seen. Among them are the marks that turn the reading direction, with which
// "gpj.exe" is shown as "exe.jpg".
func visible(name string) string {
	if i := strings.LastIndexAny(name, `/\`); i >= 0 {
		name = name[i+1:]
	}
	name = strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError, unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Zl, unicode.Zp):
			return -1
		case unicode.IsSpace(r):
			return ' '
		case strings.ContainsRune(`<>:"|?*`, r): // not storable on every system
			return '_'
		}
		return r
	}, name)
	return strings.TrimSpace(name)
}
