package story

import (
	"fmt"
	"strings"
)

// maxStory bounds a story file; a longer one is a mistake.
const maxStory = 1 << 20

// archive splits a text archive into the script and its named files. A file starts after a line
// "-- name --" and ends before the next such line.
func archive(file, src string) (script string, files map[string]string, err error) {
	if len(src) > maxStory {
		return "", nil, fmt.Errorf("%s:1:1: a story is at most %d bytes long", file, maxStory)
	}
	files = map[string]string{}
	var body *strings.Builder = new(strings.Builder)
	name, no := "", 0
	keep := func() {
		if name == "" {
			script = body.String()
		} else {
			files[name] = body.String()
		}
	}
	for line := range strings.Lines(src) {
		no++
		next, ok := marker(line)
		if !ok {
			body.WriteString(line)
			continue
		}
		keep()
		if _, twice := files[next]; twice {
			return "", nil, fmt.Errorf("%s:%d:1: the section %q stands here twice", file, no, next)
		}
		name, body = next, new(strings.Builder)
	}
	keep()
	return script, files, nil
}

// marker reads "-- name --"; the name is not empty.
func marker(line string) (string, bool) {
	line = strings.TrimRight(line, " \t\r\n")
	if len(line) < len("-- x --") || !strings.HasPrefix(line, "-- ") || !strings.HasSuffix(line, " --") {
		return "", false
	}
	name := strings.TrimSpace(line[len("-- ") : len(line)-len(" --")])
	return name, name != ""
}
