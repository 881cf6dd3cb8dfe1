package file

import (
	"bytes"
	"mime"
	"path"
	"strings"
)

// The kinds an attachment may have. WebP is accepted but kept as JPEG or PNG.
const (
	KindJPEG = "image/jpeg"
	KindPNG  = "image/png"
	KindWebP = "image/webp"
	KindPDF  = "application/pdf"
	KindText = "text/plain"

	KindDOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
	KindXLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	KindPPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
	KindODT  = "application/vnd.oasis.opendocument.text"
	KindODS  = "application/vnd.oasis.opendocument.spreadsheet"
	KindODP  = "application/vnd.oasis.opendocument.presentation"
)

// Kinds that are recognised only to be refused by their name, so that the
// sender learns what to do ("your telephone sent HEIC").
const (
	kindMarkup  = "text/html" // HTML, SVG, XML: all may carry scripts
	kindZip     = "application/zip"
	kindHEIC    = "image/heic"
	kindVideo   = "video/mp4"
	kindProgram = "application/x-executable"
	kindOffice  = "application/x-ole-storage"
	kindMacros  = "application/vnd.ms-office.macroenabled"
)

// signatures are tried in order. None of them is a prefix of another.
var signatures = []struct {
	at   int
	sign string
	kind string
}{
	{0, "\xFF\xD8\xFF", KindJPEG},
	{0, "\x89PNG\r\n\x1A\n", KindPNG},
	{8, "WEBP", KindWebP},
	{0, "%PDF-", KindPDF},
	{0, "GIF8", "image/gif"},
	{0, "PK\x03\x04", kindZip},
	{0, "PK\x05\x06", kindZip},
	{0, "Rar!\x1A\x07", "application/vnd.rar"},
	{0, "7z\xBC\xAF\x27\x1C", "application/x-7z-compressed"},
	{0, "\x1F\x8B", "application/gzip"},
	{0, "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", kindOffice},
	{0, "MZ", kindProgram},
	{0, "\x7FELF", kindProgram},
	{0, "#!", kindProgram},
	{0, "{\\rtf", "application/rtf"},
	{0, "II*\x00", "image/tiff"},
	{0, "MM\x00*", "image/tiff"},
	{0, "%!PS", "application/postscript"},
	{4, "ftypheic", kindHEIC},
	{4, "ftypheix", kindHEIC},
	{4, "ftypmif1", kindHEIC},
	{4, "ftypmsf1", kindHEIC},
	{4, "ftypavif", "image/avif"},
	{4, "ftyp", kindVideo},
}

// sniffed returns the media type of what begins with head by its content alone, "" when unknown; text says
// whether all of it is plain text.
func sniffed(head []byte, text bool) string {
	for _, s := range signatures {
		if len(head) < s.at || !bytes.HasPrefix(head[s.at:], []byte(s.sign)) {
			continue
		}
		if s.kind == KindWebP && !bytes.HasPrefix(head, []byte("RIFF")) {
			continue
		}
		if s.sign == "MZ" && text { // two letters a sentence may begin with
			continue
		}
		return s.kind
	}
	switch {
	case len(head) == 0 || !text:
		return ""
	case isMarkup(head):
		return kindMarkup
	}
	return KindText
}

// isMarkup reports text that an old browser would run as a page in spite of its
// declared type: the first thing in it is a tag.
func isMarkup(data []byte) bool {
	data = bytes.TrimLeft(bytes.TrimPrefix(data, []byte("\uFEFF")), " \t\r\n\f")
	if len(data) < 2 || data[0] != '<' {
		return false
	}
	c := data[1] | 0x20
	return c >= 'a' && c <= 'z' || data[1] == '!' || data[1] == '?' || data[1] == '/'
}

// extensions are the claims a name can make. A name with any other ending
// claims nothing, as people put dots into names.
var extensions = map[string]string{
	".jpg": KindJPEG, ".jpeg": KindJPEG, ".jpe": KindJPEG, ".jfif": KindJPEG,
	".png": KindPNG, ".webp": KindWebP, ".pdf": KindPDF,
	".txt": KindText, ".text": KindText, ".log": KindText, ".md": KindText, ".csv": KindText,
	".htm": kindMarkup, ".html": kindMarkup, ".xhtml": kindMarkup, ".svg": kindMarkup, ".xml": kindMarkup,
	".docx": KindDOCX, ".xlsx": KindXLSX, ".pptx": KindPPTX, ".odt": KindODT, ".ods": KindODS, ".odp": KindODP,
	".docm": kindMacros, ".xlsm": kindMacros, ".pptm": kindMacros, ".zip": kindZip, ".apk": kindZip, ".jar": kindZip,
	".doc": kindOffice, ".xls": kindOffice, ".ppt": kindOffice, ".wps": kindOffice, ".msi": kindOffice,
	".exe": kindProgram, ".dll": kindProgram, ".com": kindProgram, ".scr": kindProgram, ".bat": kindProgram,
	".cmd": kindProgram, ".ps1": kindProgram, ".vbs": kindProgram, ".js": kindProgram, ".sh": kindProgram,
	".hta": kindProgram, ".lnk": kindProgram,
	".heic": kindHEIC, ".heif": kindHEIC, ".gif": "image/gif", ".avif": "image/avif",
	".tif": "image/tiff", ".tiff": "image/tiff", ".mp4": kindVideo, ".mov": kindVideo,
	".rtf": "application/rtf", ".rar": "application/vnd.rar", ".7z": "application/x-7z-compressed", ".gz": "application/gzip",
}

// trueExtension is what the name of a kept file ends in.
var trueExtension = map[string]string{KindJPEG: ".jpg", KindPNG: ".png", KindPDF: ".pdf", KindText: ".txt",
	KindDOCX: ".docx", KindXLSX: ".xlsx", KindPPTX: ".pptx", KindODT: ".odt", KindODS: ".ods", KindODP: ".odp"}

func saidByName(name string) string { return extensions[strings.ToLower(path.Ext(visible(name)))] }

// saidByType returns the kind a declared media type claims, "" when it is
// absent, unreadable or the usual "some bytes".
func saidByType(declared string) string {
	kind, _, err := mime.ParseMediaType(declared)
	if err != nil {
		return ""
	}
	switch kind {
	case "application/octet-stream", "binary/octet-stream":
		return ""
	case "image/jpg", "image/pjpeg":
		return KindJPEG
	case "application/x-zip-compressed", "application/x-zip":
		return kindZip
	case "image/x-png":
		return KindPNG
	case "application/x-pdf":
		return KindPDF
	case "text/markdown", "text/csv", "text/x-log":
		return KindText
	case "application/xhtml+xml", "image/svg+xml", "text/xml", "application/xml":
		return kindMarkup
	}
	return kind
}
