package rpc

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/vod"
)

// Signer signs the URLs that GetPlayInfo hands out (contract §8).
type Signer interface {
	// Sign returns url, which is under d as viewers spell it, with the
	// signature that d asks for; unchanged if it asks for none.
	Sign(d freshet.Domain, url string, o SignOptions) string
}

// SignOptions are what a caller of GetPlayInfo says about signatures.
type SignOptions struct {
	Lifetime time.Duration // how long the URL is good; 0 = as long as the domain says
	Rand     string        // text without "-"; "" = the signer's choice
	UID      string        // "" = the signer's choice
}

// The bounds of AuthTimeout. With "oss" the vendor has a limit; with "cdn" it
// has none, and ours is far beyond any use but within every representation of
// time.
const (
	maxLifetime    = 100 * 365 * 24 * time.Hour
	maxLifetimeOSS = 30 * 24 * time.Hour
)

// The values of PlayConfig's EncryptType.
const (
	unencrypted = "Unencrypted"
	vodEncrypt  = "AliyunVoDEncryption"
	hlsEncrypt  = "HLSEncryption"
)

// watermarked is the JobType of a stream that carries a digital watermark.
const watermarked = "2"

// playRequest is a call of GetPlayInfo.
type playRequest struct {
	filter      freshet.Filter
	sign        SignOptions
	domain      string // under which URLs are wanted; "" = their own
	encrypt     string
	codec       string
	watermarked bool
}

type playAnswer struct {
	RequestID string    `json:"RequestId" xml:"RequestId"`
	Base      videoBase `json:"VideoBase" xml:"VideoBase"`
	List      struct {
		PlayInfo []playInfo `json:"PlayInfo" xml:"PlayInfo"`
	} `json:"PlayInfoList" xml:"PlayInfoList"`
}

type videoBase struct {
	VideoID      string `json:"VideoId" xml:"VideoId"`
	Title        string `json:"Title" xml:"Title"`
	Status       string `json:"Status" xml:"Status"`
	MediaType    string `json:"MediaType" xml:"MediaType"`
	Duration     string `json:"Duration" xml:"Duration"`
	CoverURL     string `json:"CoverURL,omitempty" xml:"CoverURL,omitempty"`
	CreationTime string `json:"CreationTime" xml:"CreationTime"`
}

type playInfo struct {
	JobID            string `json:"JobId" xml:"JobId"`
	PlayURL          string `json:"PlayURL" xml:"PlayURL"`
	Format           string `json:"Format" xml:"Format"`
	Definition       string `json:"Definition" xml:"Definition"`
	StreamType       string `json:"StreamType" xml:"StreamType"`
	Status           string `json:"Status" xml:"Status"`
	CreationTime     string `json:"CreationTime" xml:"CreationTime"`
	ModificationTime string `json:"ModificationTime" xml:"ModificationTime"`
	Size             int64  `json:"Size" xml:"Size"`
	Duration         string `json:"Duration" xml:"Duration"`
	Fps              string `json:"Fps" xml:"Fps"`
	Bitrate          string `json:"Bitrate" xml:"Bitrate"`
	Width            int    `json:"Width" xml:"Width"`
	Height           int    `json:"Height" xml:"Height"`
	Encrypt          int    `json:"Encrypt" xml:"Encrypt"`
	EncryptType      string `json:"EncryptType,omitempty" xml:"EncryptType,omitempty"`
	EncryptMode      string `json:"EncryptMode,omitempty" xml:"EncryptMode,omitempty"`
	Specification    string `json:"Specification,omitempty" xml:"Specification,omitempty"`
	NarrowBandType   string `json:"NarrowBandType,omitempty" xml:"NarrowBandType,omitempty"`
	WatermarkID      string `json:"WatermarkId,omitempty" xml:"WatermarkId,omitempty"`
	JobType          string `json:"JobType,omitempty" xml:"JobType,omitempty"`
	JobExt           string `json:"JobExt,omitempty" xml:"JobExt,omitempty"`
	BitDepth         int    `json:"BitDepth,omitempty" xml:"BitDepth,omitempty"`
	HDRType          string `json:"HDRType,omitempty" xml:"HDRType,omitempty"`
	CodecName        string `json:"CodecName,omitempty" xml:"CodecName,omitempty"`
}

// getPlayInfo tells where the streams of a media are played (contract §4.10).
func (s *server) getPlayInfo(ctx context.Context, c *call) (any, error) {
	if c.text("VideoId") == "" && c.text("ReferenceId") == "" {
		return nil, missing("VideoId")
	}
	req, err := readPlay(c)
	if err != nil {
		return nil, err
	}
	m, err := s.oneMedia(ctx, c)
	if err != nil {
		return nil, err
	}
	if m.Status != freshet.StatusNormal {
		return nil, &fault{kind: illegalStatus, name: m.Status}
	}
	streams, err := req.choose(m.Streams)
	if err != nil {
		return nil, err
	}
	domains, err := s.Engine.Domains(ctx, c.identity.Account)
	if err != nil {
		return nil, fmt.Errorf("reading domains: %w", err)
	}
	answer := playAnswer{RequestID: c.requestID, Base: videoBase{
		VideoID: m.ID, Title: m.Title, Status: m.Status, MediaType: string(m.Kind()), CoverURL: m.CoverURL,
		Duration: decimal(m.Length()), CreationTime: vod.Stamp(m.Created),
	}}
	answer.List.PlayInfo = make([]playInfo, len(streams))
	for i := range streams {
		st := &streams[i]
		answer.List.PlayInfo[i] = showStream(st)
		answer.List.PlayInfo[i].PlayURL = s.playURL(st.URL, domains, req)
	}
	return answer, nil
}

// readPlay reads the parameters in the order of contract §4.10's table.
// AdditionType and Trace ask for what a catalog does not hold; they are
// ignored.
func readPlay(c *call) (playRequest, error) {
	var r playRequest
	var err error
	if r.filter.Formats, err = enums(c, "Formats", append(freshet.Formats(), "mpd")); err != nil {
		return r, err
	}
	if r.filter.Definitions, err = enums(c, "Definition", freshet.Definitions()); err != nil {
		return r, err
	}
	if r.filter.StreamTypes, err = enums(c, "StreamType", freshet.StreamTypes()); err != nil {
		return r, err
	}
	result, err := enum(c, "ResultType", vod.Single, vod.Multiple)
	if err != nil {
		return r, err
	}
	r.filter.Multiple = result == vod.Multiple
	output, err := enum(c, "OutputType", "cdn", "oss")
	if err != nil {
		return r, err
	}
	if r.sign.Lifetime, err = lifetime(c.text("AuthTimeout"), output == "oss"); err != nil {
		return r, err
	}
	if err := r.readReAuth(c.text("ReAuthInfo")); err != nil {
		return r, err
	}
	if err := r.readConfig(c.text("PlayConfig")); err != nil {
		return r, err
	}
	mark, err := enum(c, "DigitalWatermarkType", "TraceMark", "CopyrightMark")
	r.codec, r.watermarked = c.text("CodecName"), mark != ""
	return r, err
}

// lifetime reads AuthTimeout, in seconds. Any number of digits is a number.
func lifetime(text string, oss bool) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	if strings.Trim(text, "0123456789") != "" || strings.Trim(text, "0") == "" {
		return 0, invalid("AuthTimeout")
	}
	life := maxLifetime
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n < int64(maxLifetime/time.Second) {
		life = time.Duration(n) * time.Second
	}
	if oss && life > maxLifetimeOSS {
		return 0, invalid("AuthTimeout")
	}
	return life, nil
}

// readReAuth reads ReAuthInfo: an object whose texts go into signatures, of
// which "-" separates the parts (contract §8).
func (r *playRequest) readReAuth(text string) error {
	if text == "" {
		return nil
	}
	var info struct{ UID, Rand string }
	if !readObject(text, &info) || !plainWord(info.UID) || !plainWord(info.Rand) {
		return invalid("ReAuthInfo")
	}
	r.sign.UID, r.sign.Rand = info.UID, info.Rand
	return nil
}

// readObject decodes a JSON object, and nothing else.
func readObject(text string, into any) bool {
	return strings.HasPrefix(strings.TrimLeft(text, " \t\r\n"), "{") && decodeJSON(text, into, 0) == nil
}

// plainWord holds for texts of up to 128 letters, digits, "_" and ".": they
// stand in a URL as they are.
func plainWord(s string) bool {
	return len(s) <= 128 && strings.IndexFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '.'
	}) < 0
}

// readConfig reads PlayConfig, and of it what a catalog can know: which domain
// and which encryption.
func (r *playRequest) readConfig(text string) error {
	if text == "" {
		return nil
	}
	var config struct{ PlayDomain, EncryptType string }
	if !readObject(text, &config) {
		return invalid("PlayConfig")
	}
	r.domain = freshet.Host("", config.PlayDomain)
	if config.EncryptType != "" {
		var ok bool
		if r.encrypt, ok = freshet.ParseOne(config.EncryptType, []string{unencrypted, vodEncrypt, hlsEncrypt}); !ok {
			return invalid("PlayConfig")
		}
	}
	return nil
}

// choose returns the streams that the call means.
func (r *playRequest) choose(all []freshet.Stream) ([]freshet.Stream, error) {
	hidden := false
	list := slices.DeleteFunc(slices.Clone(all), func(s freshet.Stream) bool {
		switch {
		case !r.filter.Accepts(s), r.codec != "" && !strings.EqualFold(r.codec, s.CodecName),
			r.watermarked && s.JobType != watermarked:
			return true
		case r.encrypt == unencrypted:
			return s.Encrypted
		case r.encrypt != "":
			return !s.Encrypted || s.EncryptType != r.encrypt
		case s.EncryptType == vodEncrypt && !r.filter.Multiple:
			// No player but the vendor's own can play it.
			hidden = true
			return true
		}
		return false
	})
	if len(list) == 0 && hidden {
		return nil, &fault{kind: onlyEncrypted}
	}
	if len(list) == 0 {
		return nil, &fault{kind: noStream, name: fmt.Sprintf("Formats: %s, Definition: %s, StreamType: %s",
			orAll(r.filter.Formats), orAll(r.filter.Definitions), orAll(r.filter.StreamTypes))}
	}
	return r.filter.Choose(list), nil
}

func orAll[T ~string](list []T) string {
	if len(list) == 0 {
		return "all"
	}
	texts := make([]string, len(list))
	for i, v := range list {
		texts[i] = string(v)
	}
	return strings.Join(texts, ",")
}

// playURL is a URL as it is handed out: under the domain that was asked for if
// it is another name of its own, https by the domain (contract §4.1 U15),
// signed.
func (s *server) playURL(canonical string, domains []freshet.Domain, r playRequest) string {
	host, path := freshet.SplitURL(canonical)
	d, ok := freshet.FindDomain(domains, host)
	if !ok {
		return canonical
	}
	if r.domain == d.Name || slices.Contains(d.Aliases, r.domain) {
		host = r.domain
	}
	scheme := "http://"
	if d.TLS {
		scheme = "https://"
	}
	u := scheme + host + path
	if s.Signer != nil {
		u = s.Signer.Sign(d, u, r.sign)
	}
	return u
}

// decimal writes a number as texts of the vendor hold it.
func decimal(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// showStream shows a stream without its URL.
func showStream(s *freshet.Stream) playInfo {
	p := playInfo{
		JobID: s.JobID, Format: string(s.Format), Definition: string(s.Definition), StreamType: string(s.Type), Status: s.Status,
		CreationTime: vod.Stamp(s.Created), ModificationTime: vod.Stamp(s.Modified), Size: s.Size, Duration: s.Duration, Fps: s.FPS,
		Bitrate: s.Bitrate, Width: s.Width, Height: s.Height, EncryptType: s.EncryptType, EncryptMode: s.EncryptMode,
		Specification: s.Specification, NarrowBandType: s.NarrowBandType, WatermarkID: s.WatermarkID, JobType: s.JobType,
		JobExt: s.JobExt, BitDepth: s.BitDepth, HDRType: s.HDRType, CodecName: s.CodecName,
	}
	if p.Status == "" {
		p.Status = freshet.StatusNormal
	}
	if s.Encrypted {
		p.Encrypt = 1
	}
	return p
}
