package file

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
)

// Only one fact of EXIF is read, the Orientation tag (EXIF 2.3, 4.6.4 A), and
// only to turn the picture upright before all of it is dropped. Anything odd
// means orientation 1: a picture lying on its side is better than none.

const upright = 1

// orientation returns 1 to 8 for a picture of the given kind. It moves the position of src.
func orientation(src io.ReadSeeker, kind string) int {
	if _, err := src.Seek(0, io.SeekStart); err != nil {
		return upright
	}
	var exif []byte
	switch r := bufio.NewReader(src); kind {
	case KindJPEG:
		exif = jpegEXIF(r)
	case KindPNG:
		exif = chunk(r, 8, binary.BigEndian, "eXIf")
	case KindWebP:
		exif = chunk(r, 12, binary.LittleEndian, "EXIF")
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
func jpegEXIF(r *bufio.Reader) []byte {
	var exif []byte
	jpegSegments(r, func(marker byte, payload []byte) bool {
		if marker == 0xE1 && bytes.HasPrefix(payload, []byte("Exif\x00\x00")) {
			exif = bytes.Clone(payload)
		}
		return exif == nil && marker != markerSOS
	})
	return exif
}

const markerSOS = 0xDA // start of scan: compressed samples follow

// jpegSegments calls visit for each marker segment that has a length, until
// visit returns false or the segments end. The payload is visit's only while it runs.
func jpegSegments(r *bufio.Reader, visit func(marker byte, payload []byte) bool) {
	if _, err := r.Discard(2); err != nil {
		return
	}
	var payload [1 << 16]byte
	for {
		b, err := r.ReadByte()
		if err != nil {
			return
		}
		if b != 0xFF { // inside compressed samples: go to the next marker
			continue
		}
		for b == 0xFF { // fill bytes
			if b, err = r.ReadByte(); err != nil {
				return
			}
		}
		switch {
		case b == 0 || b == 1 || b >= 0xD0 && b <= 0xD8: // no length
			continue
		case b == 0xD9: // end of image
			return
		}
		if _, err := io.ReadFull(r, payload[:2]); err != nil {
			return
		}
		size := int(binary.BigEndian.Uint16(payload[:])) - 2
		if size < 0 {
			return
		}
		if _, err := io.ReadFull(r, payload[:size]); err != nil || !visit(b, payload[:size]) {
			return
		}
	}
}

const maxEXIF = 1 << 20 // bytes of a block that is read at all

// chunk returns the content of the first chunk of a name in a PNG or a WebP, which differ in the order of bytes,
// in what stands around the content and in padding.
func chunk(r *bufio.Reader, begin int, order binary.ByteOrder, name string) []byte {
	if _, err := r.Discard(begin); err != nil {
		return nil
	}
	png := order == binary.ByteOrder(binary.BigEndian)
	for {
		var head [8]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return nil
		}
		size, called := int64(order.Uint32(head[4:])), string(head[:4])
		more := size & 1 // chunks of WebP are padded to even length
		if png {
			const checksum = 4
			size, called, more = int64(order.Uint32(head[:])), string(head[4:]), checksum
		}
		if called == name && size <= maxEXIF {
			out := make([]byte, size)
			if _, err := io.ReadFull(r, out); err != nil {
				return nil
			}
			return out
		}
		if _, err := io.CopyN(io.Discard, r, size+more); err != nil {
			return nil
		}
	}
}
