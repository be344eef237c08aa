package nginx

import (
	"crypto/md5" //nolint:gosec // nginx names its files by it
	"encoding/hex"
	"strings"

	"github.com/freshet-vod/freshet"
)

// name is what nginx calls the file of a key, in binary: the key's MD5.
type name [md5.Size]byte

func nameOf(key string) name { return md5.Sum([]byte(key)) } //nolint:gosec // see above

func (n name) String() string { return hex.EncodeToString(n[:]) }

// parseName parses the name of a file; temporary files and strangers are none.
func parseName(s string) (n name, ok bool) {
	if len(s) != 2*len(n) || strings.ToLower(s) != s {
		return n, false
	}
	_, err := hex.Decode(n[:], []byte(s))
	return n, err == nil
}

// layout is where files lie below the cache's folder: how many characters,
// taken from the end of the name, each level of folders has.
type layout []int

// parseLevels parses the parameter `levels` of proxy_cache_path: up to three
// numbers of 1 or 2; none puts all files into one folder.
func parseLevels(s string) (layout, error) {
	if s == "" {
		return nil, nil
	}
	var l layout
	for part := range strings.SplitSeq(s, ":") {
		if part != "1" && part != "2" || len(l) == 3 {
			return nil, freshet.Invalid("levels", "%q is not of the form 1:2: up to three numbers, each 1 or 2", s)
		}
		l = append(l, int(part[0]-'0'))
	}
	return l, nil
}

// path returns the path of a file below the cache's folder.
func (l layout) path(n name) string {
	s := n.String()
	var b strings.Builder
	end := len(s)
	for _, width := range l {
		b.WriteString(s[end-width : end])
		b.WriteByte('/')
		end -= width
	}
	b.WriteString(s)
	return b.String()
}
