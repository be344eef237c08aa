package rpctest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aliyun/alibaba-cloud-sdk-go/services/vod"
	"github.com/google/go-cmp/cmp"
)

// MediaFixtures say what the server's catalog holds.
type MediaFixtures struct {
	Playable string            // a media that GetPlayInfo can play
	Video    map[string]string // what GetVideoInfo must show of it, by the vendor's names
	URLs     []string          // what GetPlayInfo must show of it, in order
	Missing  string            // a media that does not exist
}

// RunMedia runs the operations about media with each SDK, as [Run] does.
func RunMedia(t *testing.T, endpoint, keyID, secret string, f MediaFixtures) {
	t.Helper()
	access := access{endpoint: endpoint, keyID: keyID, secret: secret}
	for _, sdk := range []mediaKit{
		oldSDK{access: access, format: "JSON"},
		oldSDK{access: access, format: "XML"},
		newSDK{access: access},
		newSDK{access: access, v1: true},
	} {
		t.Run(sdk.name(), func(t *testing.T) {
			s := mediaSuite{sdk: sdk, f: f}
			t.Run("GetVideoInfoShowsEveryField", s.videoInfo)
			t.Run("GetVideoInfosListsMediaAndWhatIsNotThere", s.videoInfos)
			t.Run("GetPlayInfoListsStreams", s.playInfo)
		})
	}
}

// mediaKit is one SDK in one of its modes.
type mediaKit interface {
	name() string
	playInfo(params map[string]string) (PlayInfo, *Failure)
	videoInfo(id string) (map[string]any, *Failure)
	videoInfos(ids string) (Videos, *Failure)
}

// PlayInfo is the answer of GetPlayInfo as an SDK decoded it.
type PlayInfo struct {
	RequestID    string                                                                               `json:"RequestId"`
	VideoBase    struct{ VideoId, Title, Status, MediaType, Duration, CoverURL, CreationTime string } //nolint:revive // the vendor's names
	PlayInfoList struct{ PlayInfo []Playable }
}

// Playable is one stream of [PlayInfo].
type Playable struct {
	JobId, PlayURL, Format, Definition, StreamType, Status, CreationTime, ModificationTime string //nolint:revive // the vendor's names
	Duration, Fps, Bitrate, EncryptType, Specification                                     string
	Size, Width, Height, Encrypt                                                           int64
}

// Videos is the answer of GetVideoInfos.
type Videos struct {
	RequestID string           `json:"RequestId"`
	Videos    []map[string]any `json:"VideoList"`
	Missing   []string         `json:"NonExistVideoIds"`
}

type mediaSuite struct {
	sdk mediaKit
	f   MediaFixtures
}

// shows checks the fields of the fixtures.
func (s mediaSuite) shows(t *testing.T, video map[string]any) {
	t.Helper()
	got := map[string]string{}
	for name := range s.f.Video {
		got[name] = fmt.Sprint(video[name])
	}
	if d := cmp.Diff(s.f.Video, got); d != "" {
		t.Errorf("video (-want +got):\n%s", d)
	}
}

func (s mediaSuite) videoInfo(t *testing.T) {
	video, fail := s.sdk.videoInfo(s.f.Playable)
	if fail != nil {
		t.Fatalf("%+v", *fail)
	}
	s.shows(t, video)
	_, fail = s.sdk.videoInfo(s.f.Missing)
	wantFailure(t, fail, 404, "InvalidVideo.NotFound", "The video does not exist.")
}

func (s mediaSuite) videoInfos(t *testing.T) {
	got, fail := s.sdk.videoInfos(s.f.Missing + ", " + s.f.Playable)
	if fail != nil {
		t.Fatalf("%+v", *fail)
	}
	if len(got.Videos) != 1 || len(got.RequestID) != 36 {
		t.Fatalf("%+v", got)
	}
	s.shows(t, got.Videos[0])
	if d := cmp.Diff([]string{s.f.Missing}, got.Missing); d != "" {
		t.Error(d)
	}
}

func (s mediaSuite) playInfo(t *testing.T) {
	got, fail := s.sdk.playInfo(map[string]string{"VideoId": s.f.Playable})
	if fail != nil {
		t.Fatalf("%+v", *fail)
	}
	if got.VideoBase.VideoId != s.f.Playable || got.VideoBase.Title != s.f.Video["Title"] || got.VideoBase.Duration != s.f.Video["Duration"] {
		t.Errorf("base %+v", got.VideoBase)
	}
	var urls []string
	for _, p := range got.PlayInfoList.PlayInfo {
		urls = append(urls, p.PlayURL)
		if p.JobId == "" || p.Format == "" || p.Status == "" || p.Duration == "" || p.Size == 0 || p.Width == 0 || len(p.CreationTime) != 20 {
			t.Errorf("a field of %+v is not there", p)
		}
	}
	if d := cmp.Diff(s.f.URLs, urls); d != "" {
		t.Error(d)
	}
	_, fail = s.sdk.playInfo(map[string]string{"VideoId": s.f.Playable, "Definition": "4K"})
	wantFailure(t, fail, 404, "InvalidVideo.NoneStream",
		"The video has no stream to play for the request parameter 'Formats: all, Definition: 4K, StreamType: all'.")
}

// wantFailure checks an error as an SDK surfaces it.
func wantFailure(t *testing.T, fail *Failure, status int, code, message string) {
	t.Helper()
	if fail == nil {
		t.Fatalf("no error, want %s", code)
	}
	// An XML error reaches users of the old SDK as a whole: it reads JSON only.
	if strings.HasPrefix(fail.Message, "<?xml") {
		if fail.Status != status || !strings.Contains(fail.Message, "<Code>"+code+"</Code>") {
			t.Errorf("%+v, want %d %s", *fail, status, code)
		}
		return
	}
	if fail.Status != status || fail.Code != code || !strings.Contains(fail.Message, message) || len(fail.RequestID) != 36 {
		t.Errorf("%+v, want %d %s %s", *fail, status, code, message)
	}
}

func (o oldSDK) playInfo(p map[string]string) (PlayInfo, *Failure) {
	r := vod.CreateGetPlayInfoRequest()
	o.aim(r.RpcRequest)
	r.VideoId, r.Definition, r.Formats, r.ResultType = p["VideoId"], p["Definition"], p["Formats"], p["ResultType"]
	a, err := o.client().GetPlayInfo(r)
	if err != nil {
		return PlayInfo{}, oldFailure(err)
	}
	out := PlayInfo{RequestID: a.RequestId}
	b := a.VideoBase
	out.VideoBase.VideoId, out.VideoBase.Title, out.VideoBase.Status, out.VideoBase.MediaType = b.VideoId, b.Title, b.Status, b.MediaType
	out.VideoBase.Duration, out.VideoBase.CoverURL, out.VideoBase.CreationTime = b.Duration, b.CoverURL, b.CreationTime
	for _, x := range a.PlayInfoList.PlayInfo {
		out.PlayInfoList.PlayInfo = append(out.PlayInfoList.PlayInfo, Playable{
			JobId: x.JobId, PlayURL: x.PlayURL, Format: x.Format, Definition: x.Definition, StreamType: x.StreamType, Status: x.Status,
			CreationTime: x.CreationTime, ModificationTime: x.ModificationTime, Duration: x.Duration, Fps: x.Fps, Bitrate: x.Bitrate,
			EncryptType: x.EncryptType, Specification: x.Specification, Size: x.Size, Width: x.Width, Height: x.Height, Encrypt: x.Encrypt,
		})
	}
	return out, nil
}

func (o oldSDK) videoInfo(id string) (map[string]any, *Failure) {
	r := vod.CreateGetVideoInfoRequest()
	o.aim(r.RpcRequest)
	r.VideoId = id
	a, err := o.client().GetVideoInfo(r)
	if err != nil {
		return nil, oldFailure(err)
	}
	v := a.Video
	return map[string]any{
		"VideoId": v.VideoId, "Title": v.Title, "Description": v.Description, "Tags": v.Tags, "CateId": v.CateId, "CateName": v.CateName,
		"CoverURL": v.CoverURL, "Status": v.Status, "AuditStatus": v.AuditStatus, "Size": v.Size, "Duration": v.Duration,
		"CreationTime": v.CreationTime, "ModificationTime": v.ModificationTime, "StorageLocation": v.StorageLocation,
		"TemplateGroupId": v.TemplateGroupId, "AppId": v.AppId, "UserData": v.UserData,
	}, nil
}

func (o oldSDK) videoInfos(ids string) (Videos, *Failure) {
	r := vod.CreateGetVideoInfosRequest()
	o.aim(r.RpcRequest)
	r.VideoIds = ids
	a, err := o.client().GetVideoInfos(r)
	if err != nil {
		return Videos{}, oldFailure(err)
	}
	out := Videos{RequestID: a.RequestId, Missing: a.NonExistVideoIds}
	for _, v := range a.VideoList {
		out.Videos = append(out.Videos, map[string]any{
			"VideoId": v.VideoId, "Title": v.Title, "Description": v.Description, "Tags": v.Tags, "CateId": v.CateId, "CateName": v.CateName,
			"CoverURL": v.CoverURL, "Status": v.Status, "AuditStatus": v.AuditStatus, "Size": v.Size, "Duration": v.Duration,
			"CreationTime": v.CreationTime, "ModificationTime": v.ModificationTime, "StorageLocation": v.StorageLocation,
			"TemplateGroupId": v.TemplateGroupId, "AppId": v.AppId, "UserData": v.UserData,
		})
	}
	return out, nil
}

func (n newSDK) playInfo(p map[string]string) (PlayInfo, *Failure) {
	var a PlayInfo
	fail := n.call("GetPlayInfo", "POST", p, &a)
	return a, fail
}

func (n newSDK) videoInfo(id string) (map[string]any, *Failure) {
	var a struct{ Video map[string]any }
	fail := n.call("GetVideoInfo", "POST", map[string]string{"VideoId": id}, &a)
	return a.Video, fail
}

func (n newSDK) videoInfos(ids string) (Videos, *Failure) {
	var a Videos
	fail := n.call("GetVideoInfos", "POST", map[string]string{"VideoIds": ids}, &a)
	return a, fail
}
