package rpc

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/policy"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/vod"
)

// Media is the catalog, as operations about media need it. All methods are
// about one account's media: another's do not exist. See [store.Catalog],
// [store.MediaOps] and [store.MediaSearch] for what each promises.
type Media interface {
	Media(ctx context.Context, account string, ids []string) ([]*freshet.Media, error)
	MediaNamed(ctx context.Context, account string, references []string) ([]*freshet.Media, error)
	RegisterMedia(ctx context.Context, now time.Time, media []*freshet.Media) ([]store.Registered, error)
	DeleteMedia(ctx context.Context, now time.Time, d store.Deletion) ([]string, error)
	DeleteStreams(ctx context.Context, now time.Time, account, media string, jobs []string) error
	SearchMedia(ctx context.Context, q store.MediaQuery) (store.MediaPage, error)
}

// mediaOperations are about media and their streams (contract §4.10 to §4.14).
// Without a catalog there are none.
func (s *server) mediaOperations() operations {
	if s.Media == nil {
		return nil
	}
	return operations{
		"GetPlayInfo":   {perResource: true, run: s.getPlayInfo},
		"GetVideoInfo":  {perResource: true, run: s.getVideoInfo},
		"GetVideoInfos": {perResource: true, run: s.getVideoInfos},
		"SearchMedia":   {run: s.searchMedia},
		"RegisterMedia": {write: true, run: s.registerMedia},
		"DeleteVideo":   {write: true, frees: true, perResource: true, run: s.deleteVideo},
		"DeleteStream":  {write: true, frees: true, perResource: true, run: s.deleteStream},
	}
}

// maxVideoIDs is how many media a call may name (contract §4.11, §4.14).
const maxVideoIDs = 20

// named are the media that a call names, by ID or by reference.
type named struct {
	media     []*freshet.Media // that exist and that the caller may touch, in order
	absent    []string         // IDs of others
	forbidden []string         // those of absent that the caller may not touch
	// absentRefs are references of which the caller may touch no media: of what
	// he may not touch he hears nothing.
	absentRefs []string
}

// oneMedia returns the media that VideoId names, or else ReferenceId.
func (s *server) oneMedia(ctx context.Context, c *call) (*freshet.Media, error) {
	id, ref := c.text("VideoId"), c.text("ReferenceId")
	if id == "" && ref == "" {
		return nil, missing("VideoId")
	}
	if id != "" && !c.may(policy.Media(id)) {
		return nil, refused() // before any look: this says nothing of the media
	}
	n := &named{}
	var err error
	if id != "" {
		err = s.byID(ctx, c, []string{id}, n)
	} else {
		err = s.byReference(ctx, c, []string{ref}, n)
	}
	if err != nil {
		return nil, err
	}
	if len(n.media) == 0 {
		return nil, &fault{kind: videoNotFound}
	}
	return n.media[0], nil
}

// manyMedia returns the media that VideoIds names, or else ReferenceIds, each
// once.
func (s *server) manyMedia(ctx context.Context, c *call) (*named, error) {
	ids := items(c.params.Get("VideoIds"), maxVideoIDs)
	refs := items(c.params.Get("ReferenceIds"), maxVideoIDs)
	n := &named{absent: []string{}, forbidden: []string{}, absentRefs: []string{}}
	switch {
	case len(ids) > maxVideoIDs, len(ids) == 0 && len(refs) > maxVideoIDs:
		return nil, &fault{kind: videoIDsExceededMax}
	case len(ids) > 0:
		return n, s.byID(ctx, c, ids, n)
	case len(refs) > 0:
		return n, s.byReference(ctx, c, refs, n)
	}
	return nil, missing("VideoIds")
}

// byID looks for media. What the caller may not touch is looked for under a
// name that no media has: whether it exists must not show, not even in how long
// the answer takes (P8).
func (s *server) byID(ctx context.Context, c *call, ids []string, n *named) error {
	sought := slices.Clone(ids)
	for i, id := range ids {
		if !c.may(policy.Media(id)) {
			n.forbidden = append(n.forbidden, id)
			sought[i] = ""
		}
	}
	var err error
	if n.media, err = s.Media.Media(ctx, c.identity.Account, sought); err != nil {
		return fmt.Errorf("reading media: %w", err)
	}
	for _, id := range ids {
		if !slices.ContainsFunc(n.media, func(m *freshet.Media) bool { return m.ID == id }) {
			n.absent = append(n.absent, id)
		}
	}
	return nil
}

func (s *server) byReference(ctx context.Context, c *call, refs []string, n *named) error {
	found, err := s.Media.MediaNamed(ctx, c.identity.Account, refs)
	if err != nil {
		return fmt.Errorf("reading media by reference: %w", err)
	}
	for _, ref := range refs {
		i := slices.IndexFunc(found, func(m *freshet.Media) bool { return m.ReferenceID == ref })
		if i < 0 || !c.may(policy.Media(found[i].ID)) {
			n.absentRefs = append(n.absentRefs, ref)
			continue
		}
		n.media = append(n.media, found[i])
	}
	return nil
}

// videoInfo is a media as GetVideoInfo shows it. GetVideoInfos and SearchMedia
// have another container for snapshots (contract §2.1).
type videoInfo struct {
	VideoID          string  `json:"VideoId" xml:"VideoId"`
	Title            string  `json:"Title" xml:"Title"`
	Description      string  `json:"Description,omitempty" xml:"Description,omitempty"`
	Tags             string  `json:"Tags,omitempty" xml:"Tags,omitempty"`
	CateID           int64   `json:"CateId,omitempty" xml:"CateId,omitempty"`
	CateName         string  `json:"CateName,omitempty" xml:"CateName,omitempty"`
	CoverURL         string  `json:"CoverURL,omitempty" xml:"CoverURL,omitempty"`
	Status           string  `json:"Status" xml:"Status"`
	AuditStatus      string  `json:"AuditStatus" xml:"AuditStatus"`
	Size             int64   `json:"Size" xml:"Size"`
	Duration         float64 `json:"Duration" xml:"Duration"`
	CreationTime     string  `json:"CreationTime" xml:"CreationTime"`
	ModificationTime string  `json:"ModificationTime" xml:"ModificationTime"`
	StorageLocation  string  `json:"StorageLocation,omitempty" xml:"StorageLocation,omitempty"`
	TemplateGroupID  string  `json:"TemplateGroupId,omitempty" xml:"TemplateGroupId,omitempty"`
	AppID            string  `json:"AppId,omitempty" xml:"AppId,omitempty"`
	UserData         string  `json:"UserData,omitempty" xml:"UserData,omitempty"`
	ReferenceID      string  `json:"ReferenceId,omitempty" xml:"ReferenceId,omitempty"`
}

func showVideo(m *freshet.Media) videoInfo {
	audit := freshet.StatusNormal
	if m.Status == statusBlocked {
		audit = statusBlocked
	}
	return videoInfo{
		VideoID: m.ID, Title: m.Title, Description: m.Description, Tags: strings.Join(m.Tags, ","),
		CateID: m.CateID, CateName: m.CateName, CoverURL: m.CoverURL, Status: m.Status, AuditStatus: audit,
		Size: m.SourceSize(), Duration: m.Length(), CreationTime: vod.Stamp(m.Created), ModificationTime: vod.Stamp(m.Modified),
		StorageLocation: m.StorageLocation, TemplateGroupID: m.TemplateGroupID, AppID: cmp.Or(m.AppID, vod.DefaultApp),
		UserData: m.UserData, ReferenceID: m.ReferenceID,
	}
}

// statusBlocked is the status of a media that was taken down.
const statusBlocked = "Blocked"

type videoInfoAnswer struct {
	RequestID string `json:"RequestId" xml:"RequestId"`
	Video     struct {
		videoInfo
		Snapshots *snapshots `json:"Snapshots,omitempty" xml:"Snapshots,omitempty"`
	} `json:"Video" xml:"Video"`
}

type snapshots struct {
	Snapshot []string `json:"Snapshot" xml:"Snapshot"`
}

// getVideoInfo shows one media (contract §4.11).
func (s *server) getVideoInfo(ctx context.Context, c *call) (any, error) {
	m, err := s.oneMedia(ctx, c)
	if err != nil {
		return nil, err
	}
	answer := videoInfoAnswer{RequestID: c.requestID}
	answer.Video.videoInfo = showVideo(m)
	if len(m.Snapshots) > 0 {
		answer.Video.Snapshots = &snapshots{m.Snapshots}
	}
	return answer, nil
}

type videoInfosAnswer struct {
	RequestID      string        `json:"RequestId" xml:"RequestId"`
	Videos         []videoInList `json:"VideoList" xml:"VideoList"`
	NonExistent    []string      `json:"NonExistVideoIds" xml:"NonExistVideoIds"`
	NonExistentRef []string      `json:"NonExistReferenceIds" xml:"NonExistReferenceIds"`
}

type videoInList struct {
	videoInfo
	Snapshots []string `json:"Snapshots,omitempty" xml:"Snapshots,omitempty"`
}

// getVideoInfos shows up to 20 media (contract §4.11).
func (s *server) getVideoInfos(ctx context.Context, c *call) (any, error) {
	n, err := s.manyMedia(ctx, c)
	if err != nil {
		return nil, err
	}
	if len(n.media) == 0 {
		return nil, &fault{kind: videoNotFound}
	}
	answer := videoInfosAnswer{RequestID: c.requestID, Videos: []videoInList{}, NonExistent: n.absent, NonExistentRef: n.absentRefs}
	for _, m := range n.media {
		answer.Videos = append(answer.Videos, videoInList{showVideo(m), m.Snapshots})
	}
	return answer, nil
}
