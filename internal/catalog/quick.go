package catalog

import (
	"encoding/json"
	"strconv"
	"strings"
)

// quick decodes lines of our own form as they usually come, several times as
// fast as encoding/json: of millions of lines almost all are plain. It never
// finds a fault. Whatever is not plain (an unknown, repeated or differently
// spelt key, a null, a value of another type, broken JSON) it leaves to the
// slow way, which knows what to say about it.
type quick struct {
	s   string // the line: texts are parts of this one copy
	at  int
	odd bool // not plain; once set, all results are empty
}

// quickMedia decodes a line; false if it is not plain.
func quickMedia(line []byte) (media, bool) {
	q := quick{s: string(line)}
	var m media
	var seen uint64
	q.object(func(key string) {
		q.once(&seen, m.field(&q, key))
	})
	q.space()
	return m, !q.odd && q.at == len(q.s)
}

// textField is where the text of a key goes, and the key's number.
func (m *media) textField(key string) (*string, int) {
	switch key {
	case "MediaId":
		return &m.MediaID, 1
	case "Title":
		return &m.Title, 2
	case "MediaType":
		return &m.MediaType, 3
	case "Status":
		return &m.Status, 4
	case "AppId":
		return &m.AppID, 5
	case "ReferenceId":
		return &m.ReferenceID, 6
	case "Description":
		return &m.Description, 7
	case "CateName":
		return &m.CateName, 8
	case "CoverURL":
		return &m.CoverURL, 9
	case "StorageLocation":
		return &m.StorageLocation, 10
	case "TemplateGroupId":
		return &m.TemplateGroupID, 11
	case "UserData":
		return &m.UserData, 12
	case "CreationTime":
		return &m.CreationTime, 13
	case "ModificationTime":
		return &m.ModificationTime, 14
	case "UpdatedAt":
		return &m.UpdatedAt, 15
	}
	return nil, 0
}

// field reads the value of a key, and numbers the key; 0 is an unknown one.
func (m *media) field(q *quick, key string) int {
	if into, number := m.textField(key); number != 0 {
		*into = q.text()
		return number
	}
	switch key {
	case "Tags":
		q.value(&m.Tags)
		return 20
	case "Duration":
		q.value(&m.Duration)
		return 21
	case "CateId":
		m.CateID = q.number()
		return 22
	case "Size":
		m.Size = q.number()
		return 23
	case "Snapshots":
		m.Snapshots = []string{}
		q.list(func() { m.Snapshots = append(m.Snapshots, q.text()) })
		return 24
	case "Streams":
		m.plain = make([]stream, 0, 8)
		q.list(func() {
			var s stream
			var seen uint64
			q.object(func(key string) { q.once(&seen, s.field(q, key)) })
			m.plain = append(m.plain, s)
		})
		return 25
	}
	return 0
}

// field reads the value of a key, and numbers the key; 0 is an unknown one.
func (s *stream) field(q *quick, key string) int {
	switch key {
	case "JobId":
		s.JobID = q.text()
		return 1
	case "Format":
		s.Format = q.text()
		return 2
	case "Definition":
		s.Definition = q.text()
		return 3
	case "StreamType":
		s.StreamType = q.text()
		return 4
	case "PlayURL":
		s.PlayURL = q.text()
		return 5
	case "CreationTime":
		s.CreationTime = q.text()
		return 6
	case "ModificationTime":
		s.ModificationTime = q.text()
		return 7
	case "Size":
		s.Size = q.number()
		return 8
	case "Bitrate":
		q.value(&s.Bitrate)
		return 9
	case "Duration":
		q.value(&s.Duration)
		return 10
	case "Fps":
		q.value(&s.Fps)
		return 11
	case "Width":
		s.Width = int(q.number())
		return 12
	case "Height":
		s.Height = int(q.number())
		return 13
	}
	return s.rareField(q, key)
}

func (s *stream) rareField(q *quick, key string) int {
	switch key {
	case "Encrypt":
		q.value(&s.Encrypt)
		return 14
	case "Status":
		s.Status = q.text()
		return 15
	case "EncryptType":
		s.EncryptType = q.text()
		return 16
	case "EncryptMode":
		s.EncryptMode = q.text()
		return 17
	case "Specification":
		s.Specification = q.text()
		return 18
	case "NarrowBandType":
		q.value(&s.NarrowBandType)
		return 19
	case "CodecName":
		s.CodecName = q.text()
		return 20
	case "WatermarkId":
		s.WatermarkID = q.text()
		return 21
	case "JobType":
		q.value(&s.JobType)
		return 22
	case "JobExt":
		s.JobExt = q.text()
		return 23
	case "BitDepth":
		s.BitDepth = int(q.number())
		return 24
	case "HDRType":
		s.HDRType = q.text()
		return 25
	}
	return 0
}

// once notes that the key with a number was there, for the first time.
func (q *quick) once(seen *uint64, number int) {
	bit := uint64(1) << number
	q.odd = q.odd || number == 0 || *seen&bit != 0
	*seen |= bit
}

func (q *quick) space() {
	for q.at < len(q.s) {
		switch q.s[q.at] {
		case ' ', '\t', '\r', '\n':
			q.at++
		default:
			return
		}
	}
}

// next steps over a character, and white space before it, if it is there.
func (q *quick) next(c byte) bool {
	q.space()
	if q.odd || q.at >= len(q.s) || q.s[q.at] != c {
		return false
	}
	q.at++
	return true
}

func (q *quick) expect(c byte) { q.odd = !q.next(c) || q.odd }

// object calls member for each key, which reads its value.
func (q *quick) object(member func(key string)) {
	q.expect('{')
	if q.next('}') {
		return
	}
	for !q.odd {
		key := q.text()
		q.expect(':')
		member(key)
		if !q.next(',') {
			break
		}
	}
	q.expect('}')
}

// list calls element for each element, which reads it. A list longer than any may
// be is not plain: what it costs in memory is many times its length.
func (q *quick) list(element func()) {
	q.expect('[')
	if q.next(']') {
		return
	}
	for n := 0; !q.odd; n++ {
		if n > maxStreams {
			q.odd = true
			return
		}
		element()
		if !q.next(',') {
			break
		}
	}
	q.expect(']')
}

// text reads a string.
func (q *quick) text() string {
	if q.expect('"'); q.odd {
		return ""
	}
	from := q.at
	for ; q.at < len(q.s); q.at++ {
		switch c := q.s[q.at]; {
		case c == '"':
			q.at++
			return q.s[from : q.at-1]
		case c == '\\':
			return q.escaped(from)
		case c < ' ':
			q.odd = true
			return ""
		}
	}
	q.odd = true
	return ""
}

// escaped reads a string with escapes that began at from.
func (q *quick) escaped(from int) (text string) {
	for q.at < len(q.s) && q.s[q.at] != '"' {
		if q.s[q.at] == '\\' {
			q.at++
		}
		q.at++
	}
	q.at++
	q.odd = q.at > len(q.s) || json.Unmarshal([]byte(q.s[from-1:q.at]), &text) != nil
	return text
}

// digits is how many digits an int64 certainly holds.
const digits = 18

// number reads a whole number.
func (q *quick) number() int64 {
	s := q.numeral()
	if strings.ContainsRune(s, '.') || len(s) > digits {
		q.odd = true
	}
	if q.odd {
		return 0
	}
	n, err := strconv.ParseInt(s, 10, 64)
	q.odd = err != nil
	return n
}

// numeral reads the characters of a number without an exponent.
func (q *quick) numeral() string {
	q.space()
	from := q.at
	if q.at < len(q.s) && q.s[q.at] == '-' {
		q.at++
	}
	whole := q.run()
	q.odd = q.odd || len(whole) == 0 || len(whole) > 1 && whole[0] == '0'
	if !q.odd && q.at < len(q.s) && q.s[q.at] == '.' {
		q.at++
		q.odd = q.run() == ""
	}
	return q.s[from:q.at]
}

func (q *quick) run() string {
	from := q.at
	for q.at < len(q.s) && q.s[q.at] >= '0' && q.s[q.at] <= '9' {
		q.at++
	}
	return q.s[from:q.at]
}

// value reads a text, a number or a list of texts, of which into makes what it
// is.
func (q *quick) value(into json.Unmarshaler) {
	q.space()
	from := q.at
	switch {
	case q.odd || q.at >= len(q.s):
		q.odd = true
		return
	case q.s[q.at] == '"':
		plain := q.text()
		if t, ok := into.(*text); ok && !q.odd {
			*t = text(plain)
			return
		}
	case q.s[q.at] == '[':
		q.list(func() { q.text() })
	case strings.HasPrefix(q.s[q.at:], "true"):
		q.at += len("true")
	case strings.HasPrefix(q.s[q.at:], "false"):
		q.at += len("false")
	default:
		q.numeral()
	}
	q.odd = q.odd || into.UnmarshalJSON([]byte(q.s[from:q.at])) != nil
}
