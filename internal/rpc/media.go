package rpc

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/vod"
)

// Media is the catalog, as operations about media need it. All methods are
// about one account's media: another's do not exist.
type Media interface {
	// Media returns those of the media that exist, in the order of ids.
	Media(ctx context.Context, account string, ids []string) ([]*freshet.Media, error)
}

// mediaOperations are about media and their streams (contract §4.10 to §4.14).
// Without a catalog there are none.
func (s *server) mediaOperations() operations {
	if s.Media == nil {
		return nil
	}
	return operations{
		"GetPlayInfo":   {run: s.getPlayInfo},
		"GetVideoInfo":  {run: s.getVideoInfo},
		"GetVideoInfos": {run: s.getVideoInfos},
	}
}

// maxVideoIDs is how many media a call may name (contract §4.11, §4.14).
const maxVideoIDs = 20

// oneMedia returns the media that VideoId names.
func (s *server) oneMedia(ctx context.Context, c *call) (*freshet.Media, error) {
	id := c.text("VideoId")
	if id == "" {
		return nil, missing("VideoId")
	}
	found, err := s.visibleMedia(ctx, c, []string{id})
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, &fault{kind: videoNotFound}
	}
	return found[0], nil
}

// visibleMedia returns those of the media that exist and that the caller may
// touch. The two are not told apart, and cost the same query.
func (s *server) visibleMedia(ctx context.Context, c *call, ids []string) ([]*freshet.Media, error) {
	found, err := s.Media.Media(ctx, c.identity.Account, ids)
	if err != nil {
		return nil, fmt.Errorf("reading media: %w", err)
	}
	return found, nil
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
		Size: m.SourceSize(), Duration: mediaDuration(m), CreationTime: vod.Stamp(m.Created), ModificationTime: vod.Stamp(m.Modified),
		StorageLocation: m.StorageLocation, TemplateGroupID: m.TemplateGroupID, AppID: m.AppID,
		UserData: m.UserData, ReferenceID: m.ReferenceID,
	}
}

// statusBlocked is the status of a media that was taken down.
const statusBlocked = "Blocked"

// mediaDuration is the media's own, or the longest of its streams.
func mediaDuration(m *freshet.Media) float64 {
	if m.Duration > 0 {
		return m.Duration
	}
	var longest float64
	for i := range m.Streams {
		if d, err := strconv.ParseFloat(m.Streams[i].Duration, 64); err == nil {
			longest = max(longest, d)
		}
	}
	return longest
}

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
	RequestID   string        `json:"RequestId" xml:"RequestId"`
	Videos      []videoInList `json:"VideoList" xml:"VideoList"`
	NonExistent []string      `json:"NonExistVideoIds" xml:"NonExistVideoIds"`
}

type videoInList struct {
	videoInfo
	Snapshots []string `json:"Snapshots,omitempty" xml:"Snapshots,omitempty"`
}

// getVideoInfos shows up to 20 media (contract §4.11).
func (s *server) getVideoInfos(ctx context.Context, c *call) (any, error) {
	ids := items(c.params.Get("VideoIds"), maxVideoIDs)
	switch {
	case len(ids) == 0:
		return nil, missing("VideoIds")
	case len(ids) > maxVideoIDs:
		return nil, &fault{kind: videoIDsExceededMax}
	}
	found, err := s.visibleMedia(ctx, c, ids)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, &fault{kind: videoNotFound}
	}
	answer := videoInfosAnswer{RequestID: c.requestID, Videos: []videoInList{}, NonExistent: absentFrom(found, ids)}
	for _, m := range found {
		answer.Videos = append(answer.Videos, videoInList{showVideo(m), m.Snapshots})
	}
	return answer, nil
}

// absentFrom returns those of ids that are not among the media.
func absentFrom(found []*freshet.Media, ids []string) []string {
	has := make(map[string]bool, len(found))
	for _, m := range found {
		has[m.ID] = true
	}
	out := []string{}
	for _, id := range ids {
		if !has[id] {
			out = append(out, id)
		}
	}
	return out
}
