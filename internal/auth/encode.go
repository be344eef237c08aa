package auth

const upperHex = "0123456789ABCDEF"

// appendEscaped appends s as both schemes sign it (contract §1.2): every byte
// but the unreserved ones of RFC 3986 becomes %XX.
func appendEscaped(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; unreserved(c) {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return dst
}

// appendTwice appends s escaped twice, as the V1 string to sign wants it,
// without the string in between.
func appendTwice(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; unreserved(c) {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', '2', '5', upperHex[c>>4], upperHex[c&15])
		}
	}
	return dst
}

// lenTwice is how many bytes appendTwice appends.
func lenTwice(s string) int {
	n := len(s)
	for i := range len(s) {
		if !unreserved(s[i]) {
			n += 4
		}
	}
	return n
}

func unreserved(c byte) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		return true
	}
	return c == '-' || c == '_' || c == '.' || c == '~'
}
