package file

import (
	"bytes"
	"encoding/binary"
)

// Only one fact of EXIF is read, the Orientation tag (EXIF 2.3, 4.6.4 A), and
// only to turn the picture upright before all of it is dropped. Anything odd
// means orientation 1: a picture lying on its side is better than none.

const upright = 1

// orientation returns 1 to 8 for a picture of the given kind.
func orientation(data []byte, kind string) int {
	var exif []byte
	switch kind {
	case KindJPEG:
		exif = jpegEXIF(data)
	case KindPNG:
		exif = pngEXIF(data)
	case KindWebP:
		exif = webpEXIF(data)
	}
	return exifOrientation(bytes.TrimPrefix(exif, []byte("Exif\x00\x00")))
}

// exifOrientation reads tag 0x0112 in the first directory of a TIFF block.
func exifOrientation(b []byte) int {
	if len(b) < 8 {
		return upright
	}
	var order binary.ByteOrder
	switch string(b[:4]) {
	case "II*\x00":
		order = binary.LittleEndian
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return upright
	}
	dir := uint64(order.Uint32(b[4:])) // 64 bits, so that no sum below wraps
	if dir+2 > uint64(len(b)) {
		return upright
	}
	const entrySize, tagOrientation, typeShort = 12, 0x0112, 3
	entries := b[dir+2:]
	for range order.Uint16(b[dir:]) {
		if len(entries) < entrySize {
			return upright
		}
		if order.Uint16(entries) == tagOrientation {
			v := int(order.Uint16(entries[8:]))
			if order.Uint16(entries[2:]) != typeShort || order.Uint32(entries[4:]) != 1 || v < 1 || v > 8 {
				return upright
			}
			return v
		}
		entries = entries[entrySize:]
	}
	return upright
}

// jpegEXIF returns the payload of the first APP1 segment that is EXIF.
func jpegEXIF(data []byte) []byte {
	var exif []byte
	jpegSegments(data, func(marker byte, payload []byte) bool {
		if marker == 0xE1 && bytes.HasPrefix(payload, []byte("Exif\x00\x00")) {
			exif = payload
		}
		return exif == nil && marker != markerSOS
	})
	return exif
}

const markerSOS = 0xDA // start of scan: compressed samples follow

// jpegSegments calls visit for each marker segment that has a length, until
// visit returns false or the segments end.
func jpegSegments(data []byte, visit func(marker byte, payload []byte) bool) {
	for at := 2; at+4 <= len(data); {
		if data[at] != 0xFF { // inside compressed samples: go to the next marker
			next := bytes.IndexByte(data[at:], 0xFF)
			if next < 0 {
				return
			}
			at += next
			continue
		}
		marker := data[at+1]
		switch {
		case marker == 0xFF: // fill byte
			at++
			continue
		case marker == 0 || marker == 1 || marker >= 0xD0 && marker <= 0xD8: // no length
			at += 2
			continue
		case marker == 0xD9: // end of image
			return
		}
		size := int(binary.BigEndian.Uint16(data[at+2:]))
		if size < 2 || at+2+size > len(data) || !visit(marker, data[at+4:at+2+size]) {
			return
		}
		at += 2 + size
	}
}

// pngEXIF returns the content of the eXIf chunk.
func pngEXIF(data []byte) []byte {
	for at := uint64(8); at+12 <= uint64(len(data)); {
		size := uint64(binary.BigEndian.Uint32(data[at:]))
		if at+12+size > uint64(len(data)) {
			return nil
		}
		if string(data[at+4:at+8]) == "eXIf" {
			return data[at+8 : at+8+size]
		}
		at += 12 + size
	}
	return nil
}

// webpEXIF returns the content of the EXIF chunk.
func webpEXIF(data []byte) []byte {
	for at := uint64(12); at+8 <= uint64(len(data)); {
		size := uint64(binary.LittleEndian.Uint32(data[at+4:]))
		if at+8+size > uint64(len(data)) {
			return nil
		}
		if string(data[at:at+4]) == "EXIF" {
			return data[at+8 : at+8+size]
		}
		at += 8 + size + size&1 // chunks are padded to even length
	}
	return nil
}
