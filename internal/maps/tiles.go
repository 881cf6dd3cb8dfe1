package maps

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// tiles are pictures of the map, from a folder or from a machine of the operator's.
type tiles struct {
	url, folder string
	client      *http.Client
}

// largest is more than a tile ever has, in bytes.
const largest = 2 << 20

// ErrNoTile says that there is no picture of that place.
var ErrNoTile = errors.New("no such tile")

// Tile is one picture of the map and its kind. The numbers are looked at before anything is asked: whoever asks chooses a
// place on the map and nothing else.
func (s *Source) Tile(ctx context.Context, z, x, y string) (data []byte, kind string, err error) {
	if s == nil || s.tiles == nil {
		return nil, "", ErrNoTile
	}
	var n [3]int
	for i, raw := range []string{z, x, y} {
		if n[i], err = strconv.Atoi(raw); err != nil || n[i] < 0 || strconv.Itoa(n[i]) != raw {
			return nil, "", ErrNoTile
		}
	}
	if n[0] < s.From || n[0] > s.To || n[1] >= 1<<n[0] || n[2] >= 1<<n[0] {
		return nil, "", ErrNoTile
	}
	if s.tiles.folder != "" {
		data, err = s.tiles.read(z, x, y)
	} else {
		data, err = s.tiles.fetch(ctx, z, x, y)
	}
	if err != nil {
		return nil, "", err
	}
	if kind = pictureKind(data); kind == "" {
		return nil, "", fmt.Errorf("tile %s/%s/%s is not a picture", z, x, y)
	}
	return data, kind, nil
}

func (t *tiles) read(z, x, y string) ([]byte, error) {
	for _, ext := range []string{".png", ".webp", ".jpg"} {
		data, err := os.ReadFile(filepath.Join(t.folder, z, x, y+ext))
		if err == nil || !errors.Is(err, os.ErrNotExist) {
			return data, err
		}
	}
	return nil, ErrNoTile
}

func (t *tiles) fetch(ctx context.Context, z, x, y string) ([]byte, error) {
	to := strings.NewReplacer("{z}", z, "{x}", x, "{y}", y).Replace(t.url)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, to, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("User-Agent", "Comity")
	a, err := t.client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("the map's machine does not answer: %w", err)
	}
	defer a.Body.Close()
	switch a.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusNoContent:
		return nil, ErrNoTile
	default:
		return nil, fmt.Errorf("the map's machine answered %d", a.StatusCode)
	}
	data, err := io.ReadAll(io.LimitReader(a.Body, largest+1))
	if err == nil && len(data) > largest {
		return nil, fmt.Errorf("a tile of more than %d bytes", largest)
	}
	return data, err
}

// pictureKind looks at the first bytes: what a machine says of its answer is not believed.
func pictureKind(data []byte) string {
	switch {
	case bytes.HasPrefix(data, []byte("\x89PNG\r\n\x1a\n")):
		return "image/png"
	case bytes.HasPrefix(data, []byte("\xff\xd8\xff")):
		return "image/jpeg"
	case len(data) > 12 && bytes.HasPrefix(data, []byte("RIFF")) && bytes.Equal(data[8:12], []byte("WEBP")):
		return "image/webp"
	}
	return ""
}
