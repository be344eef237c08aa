package catalog

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"

	"github.com/freshet-vod/freshet"
)

// Bounds of what describes a media, in bytes (contract §4.12; what it leaves
// open is as wide as any text).
const (
	maxTags     = 16
	maxUserData = 16 << 10
	maxShots    = 100
)

// describe takes over what says something about a media and nothing about its
// streams.
func (raw *media) describe(m *freshet.Media) error {
	m.ReferenceID, m.Title, m.Description, m.Tags = raw.ReferenceID, raw.Title, raw.Description, raw.Tags
	m.CateID, m.CateName, m.CoverURL, m.Snapshots = raw.CateID, raw.CateName, raw.CoverURL, raw.Snapshots
	m.Status, m.AppID, m.StorageLocation, m.TemplateGroupID = raw.Status, raw.AppID, raw.StorageLocation, raw.TemplateGroupID
	m.Size, m.UserData = raw.Size, raw.UserData
	for _, f := range []struct{ name, value string }{
		{"Title", raw.Title},
		{"Status", raw.Status},
		{"AppId", raw.AppID},
		{"CateName", raw.CateName},
		{"CoverURL", raw.CoverURL},
		{"StorageLocation", raw.StorageLocation},
		{"TemplateGroupId", raw.TemplateGroupID},
	} {
		if err := checkText(f.name, f.value, maxText); err != nil {
			return err
		}
	}
	if raw.ReferenceID != "" && !ValidReference(raw.ReferenceID) {
		return fmt.Errorf("ReferenceId: %q is not 6 to 64 letters, digits, - and _", clip(raw.ReferenceID))
	}
	if err := CheckTags(raw.Tags); err != nil {
		return err
	}
	if !printable(raw.Description) || len(raw.Description) > maxText {
		return fmt.Errorf("%s: holds control characters or more than %d bytes", "Description", maxText)
	}
	if !printable(raw.UserData) || len(raw.UserData) > maxUserData {
		return fmt.Errorf("UserData: holds control characters or more than %d bytes", maxUserData)
	}
	if len(raw.Snapshots) > maxShots {
		return &fieldError{"Snapshots", fmt.Sprintf("holds %d addresses; allowed are %d", len(raw.Snapshots), maxShots)}
	}
	for _, s := range raw.Snapshots {
		if err := checkText("Snapshots", s, maxText); err != nil {
			return err
		}
	}
	if raw.Size < 0 {
		return &fieldError{"Size", "is negative"}
	}
	var err error
	if raw.Duration != "" {
		if m.Duration, err = seconds(string(raw.Duration)); err != nil {
			return err
		}
	}
	if m.Created, err = parseTime(raw.CreationTime); err != nil {
		return &fieldError{"CreationTime", err.Error()}
	}
	if m.Modified, err = parseTime(raw.ModificationTime); err != nil {
		return &fieldError{"ModificationTime", err.Error()}
	}
	return nil
}

func checkText(name, value string, most int) error {
	if len(value) > most || strings.ContainsFunc(value, unicode.IsControl) {
		return fmt.Errorf("%s: holds control characters or more than %d bytes", name, most)
	}
	return nil
}

// printable holds for texts that may have lines, but nothing that an XML
// answer cannot carry.
func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' || r == 0xFFFE || r == 0xFFFF
	})
}

// seconds reads a duration.
func seconds(s string) (float64, error) {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || n < 0 || math.IsInf(n, 0) || math.IsNaN(n) {
		return 0, &fieldError{"Duration", fmt.Sprintf("%q is not a number of seconds", clip(s))}
	}
	return n, nil
}

// ValidReference reports whether s can be a ReferenceId (contract §4.10).
func ValidReference(s string) bool { return len(s) >= 6 && len(s) <= 64 && validID(s) }

// CheckTags checks the tags of a media (contract §4.12). They are listed with
// commas.
func CheckTags(list []string) error {
	if len(list) > maxTags {
		return &fieldError{"Tags", fmt.Sprintf("holds more than %d tags", maxTags)}
	}
	for _, tag := range list {
		if tag == "" || len(tag) > maxTag || strings.ContainsFunc(tag, unicode.IsControl) || strings.Contains(tag, ",") {
			return &fieldError{"Tags", fmt.Sprintf("%q is not 1 to %d bytes without commas and control characters", clip(tag), maxTag)}
		}
	}
	return nil
}

// maxTag is wider than the vendor's 32: it counts characters in some places
// and bytes in others.
const maxTag = 128

// tags is a list that may be written as one text with commas, as the vendor
// does.
type tags []string

// UnmarshalJSON implements [json.Unmarshaler].
func (t *tags) UnmarshalJSON(b []byte) error {
	var text string
	if json.Unmarshal(b, &text) == nil {
		*t = SplitTags(text)
		return nil
	}
	var list []string
	if err := json.Unmarshal(b, &list); err != nil {
		return &fieldError{"Tags", "is neither a list of texts nor one text with commas"}
	}
	*t = list
	return nil
}

// SplitTags splits the vendor's form of tags. Of more than a media may have, it
// returns one more.
func SplitTags(text string) []string {
	var out []string
	for tag := range strings.SplitSeq(text, ",") {
		if tag = strings.TrimSpace(tag); tag != "" {
			if out = append(out, tag); len(out) > maxTags {
				break
			}
		}
	}
	return out
}
