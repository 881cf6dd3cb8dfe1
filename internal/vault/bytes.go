package vault

const fileContext = "comity file"

// SealBytes seals the bytes of a file under a key that is drawn for it alone, and returns both. The key is a
// text, to be sealed in turn with what names the file: it is wrapped by nothing.
func SealBytes(suiteName string, plain []byte) (sealed []byte, key string, err error) {
	s, err := suiteNamed(suiteName)
	if err != nil {
		return nil, "", err
	}
	raw := random(s.keySize)
	a, err := s.aead(raw)
	if err != nil {
		return nil, "", err
	}
	return seal(a, fileContext, plain), string(s.letter) + "." + encode(raw), nil
}

// OpenBytes is the inverse of SealBytes: ErrBroken for any other bytes or key.
func OpenBytes(key string, sealed []byte) ([]byte, error) {
	a, err := fileAEAD(key)
	if err != nil {
		return nil, err
	}
	return open(a, fileContext, sealed)
}

// NewFileKey draws a key for SealBytesUnder, for what is sealed more than once while it grows.
func NewFileKey(suiteName string) (string, error) {
	s, err := suiteNamed(suiteName)
	if err != nil {
		return "", err
	}
	return string(s.letter) + "." + encode(random(s.keySize)), nil
}

// SealBytesUnder is SealBytes with a key of before. OpenBytes opens it.
func SealBytesUnder(key string, plain []byte) ([]byte, error) {
	a, err := fileAEAD(key)
	if err != nil {
		return nil, err
	}
	return seal(a, fileContext, plain), nil
}
