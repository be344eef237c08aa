package policy

// match tells whether a pattern matches the whole of s: "*" stands for any
// text, also none and also slashes, "?" for one byte. Its cost is bounded by
// the product of the lengths.
func match(pattern, s string) bool { return glob(pattern, s, func(b byte) byte { return b }) }

// matchFold is match without regard to the case of s; pattern is lower case.
func matchFold(pattern, s string) bool { return glob(pattern, s, lower) }

func lower(b byte) byte {
	if b >= 'A' && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}

func glob(pattern, s string, fold func(byte) byte) bool {
	p, i := 0, 0
	star, from := -1, 0 // the last star, and where what it stands for ends
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == fold(s[i])):
			p++
			i++
		case star >= 0:
			from++
			p, i = star+1, from
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}
