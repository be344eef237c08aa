package rpc

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path"
	"strings"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/vod"
)

// The limits of RegisterMedia (contract §4.12), in bytes but for the counts.
const (
	maxRegister    = 10
	maxFileURL     = 1024
	maxTitle       = 128
	maxDescription = 1024
	maxTags        = 16
	maxTag         = 32
	maxTemplate    = 128
)

// noTranscode is the template group of media that are played as they are.
const noTranscode = "VOD_NO_TRANSCODE"

// statusUploaded is the status of media that wait for a transcoding.
const statusUploaded = "UploadSucc"

// metadata is one item of RegisterMetadatas.
type metadata struct {
	FileURL, Title, Description, Tags, CoverURL string
	CateID                                      json.Number `json:"CateId"`
}

type registerAnswer struct {
	RequestID  string       `json:"RequestId" xml:"RequestId"`
	Registered []registered `json:"RegisteredMediaList" xml:"RegisteredMediaList"`
	Failed     []string     `json:"FailedFileURLs" xml:"FailedFileURLs"`
}

type registered struct {
	MediaID string `json:"MediaId" xml:"MediaId"`
	FileURL string `json:"FileURL" xml:"FileURL"`
	New     bool   `json:"NewRegister" xml:"NewRegister"`
}

// registerMedia makes media of files that are at the origin already (contract
// §4.12).
func (s *server) registerMedia(ctx context.Context, c *call) (any, error) {
	items, err := readMetadatas(c)
	if err != nil {
		return nil, err
	}
	template, workflow, userData := c.text("TemplateGroupId"), c.text("WorkflowId"), c.params.Get("UserData")
	if len(template) > maxTemplate || !plainText(template) {
		return nil, invalid("TemplateGroupId")
	}
	if _, err := vod.ParseUserData(userData); err != nil {
		return nil, &fault{kind: invalidParameter, name: "UserData", cause: err}
	}
	status := statusUploaded
	if template == noTranscode && workflow == "" {
		status = freshet.StatusNormal
	}
	domains, err := s.Engine.Domains(ctx, c.identity.Account)
	if err != nil {
		return nil, fmt.Errorf("reading domains: %w", err)
	}
	answer := registerAnswer{RequestID: c.requestID, Registered: []registered{}, Failed: []string{}}
	var media []*freshet.Media
	for _, item := range items {
		stream, err := original(item.FileURL, domains)
		if err != nil {
			return nil, err
		}
		if stream.URL == "" {
			answer.Failed = append(answer.Failed, item.FileURL)
			continue
		}
		m := &freshet.Media{
			Account: c.identity.Account, ID: newHex(16), Title: item.Title, Description: item.Description, Tags: item.tags(),
			CoverURL: item.CoverURL, Type: string(stream.Type), Status: status, TemplateGroupID: template, UserData: userData,
		}
		m.CateID, _ = item.CateID.Int64() // readMetadatas saw that it is one
		m.Created = present()
		m.Modified = m.Created
		stream.JobID, stream.Created, stream.Modified = newHex(16), m.Created, m.Created
		m.Streams = []freshet.Stream{stream}
		media = append(media, m)
		answer.Registered = append(answer.Registered, registered{FileURL: item.FileURL})
	}
	if err := s.Auth.Remember(ctx, c.identity.Nonce, c.identity.NonceExpires); err != nil {
		return nil, err
	}
	result, err := s.Media.RegisterMedia(ctx, present(), media)
	if err != nil {
		return nil, fmt.Errorf("registering media: %w", err)
	}
	for i, r := range result {
		answer.Registered[i].MediaID, answer.Registered[i].New = r.ID, r.New
	}
	return answer, nil
}

// readMetadatas reads RegisterMetadatas: a list, or a single item.
func readMetadatas(c *call) ([]metadata, error) {
	text := c.text("RegisterMetadatas")
	if text == "" {
		return nil, missing("RegisterMetadatas")
	}
	var list []metadata
	var err error
	if strings.HasPrefix(text, "{") {
		list = make([]metadata, 1)
		err = decodeJSON(text, &list[0], maxRegister)
	} else {
		err = decodeJSON(text, &list, maxRegister)
	}
	if err != nil || len(list) == 0 || len(list) > maxRegister {
		return nil, &fault{kind: invalidParameter, name: "RegisterMetadatas", cause: err}
	}
	for i := range list {
		if err := list[i].check(); err != nil {
			return nil, &fault{kind: invalidParameter, name: "RegisterMetadatas", cause: err}
		}
	}
	return list, nil
}

func (m *metadata) check() error {
	for _, f := range []struct {
		name, value string
		most        int
		mandatory   bool
	}{
		{"FileURL", m.FileURL, maxFileURL, true},
		{"Title", m.Title, maxTitle, true},
		{"Description", m.Description, maxDescription, false},
		{"CoverURL", m.CoverURL, maxFileURL, false},
	} {
		if len(f.value) > f.most || f.mandatory && strings.TrimSpace(f.value) == "" || !plainText(f.value) {
			return fmt.Errorf("member %s is missing, longer than %d bytes, or holds control characters", f.name, f.most)
		}
	}
	tags := m.tags()
	if len(tags) > maxTags {
		return fmt.Errorf("member Tags holds more than %d tags", maxTags)
	}
	for _, tag := range tags {
		if len(tag) > maxTag || !plainText(tag) {
			return fmt.Errorf("a tag is longer than %d bytes or holds control characters", maxTag)
		}
	}
	if m.CateID != "" {
		if _, err := m.CateID.Int64(); err != nil {
			return fmt.Errorf("member CateId: %w", err)
		}
	}
	return nil
}

// tags are the tags of an item, of which there may be none between commas.
func (m *metadata) tags() []string {
	var out []string
	for tag := range strings.SplitSeq(m.Tags, ",") {
		if tag = strings.TrimSpace(tag); tag != "" {
			out = append(out, tag)
		}
	}
	return out
}

// plainText holds for texts that an answer in XML can carry, without control
// characters but line ends and tabs.
func plainText(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return !vod.AllowedInXML(r) || r >= 0x7F && r < 0xA0 }) < 0
}

// original is the stream that a file is; without a URL if the file's address
// cannot be one. A host that is not the caller's is a fault (contract §12).
func original(fileURL string, domains []freshet.Domain) (freshet.Stream, error) {
	if _, err := freshet.Canonical(fileURL, nil); err != nil {
		return freshet.Stream{}, nil //nolint:nilerr // it is kept as a media without a file
	}
	u, _, err := freshet.Address(fileURL, domains)
	if err != nil {
		return freshet.Stream{}, &fault{kind: objectDomainNotFound}
	}
	_, file := freshet.SplitURL(u)
	file, _, _ = strings.Cut(file, "?")
	s := freshet.Stream{
		URL: u, Definition: freshet.DefinitionOriginal, Type: freshet.StreamVideo, Specification: "Original",
		Format: freshet.Format(strings.ToLower(strings.TrimPrefix(path.Ext(file), "."))),
	}
	switch s.Format {
	case "mp3", "m4a", "aac", "wav", "flac", "ogg", "oga", "opus", "wma", "amr", "aiff":
		s.Type = freshet.StreamAudio
	}
	if !validFormat(string(s.Format)) {
		return freshet.Stream{}, nil
	}
	return s, nil
}

// validFormat holds for 1 to 10 small letters and digits, as imports do.
func validFormat(s string) bool {
	return s != "" && len(s) <= 10 && strings.IndexFunc(s, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }) < 0
}

// newHex returns n random bytes in hex.
func newHex(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return hex.EncodeToString(b)
}
