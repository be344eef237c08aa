package catalog

import (
	"encoding/json"
	"errors"
)

// playInfo is the part of a GetPlayInfo response that the catalog keeps
// (contract §4.10).
type playInfo struct {
	VideoBase struct {
		VideoID      string `json:"VideoId"`
		Title        string
		Status       string
		MediaType    string
		Duration     text
		CoverURL     string
		CreationTime string
	}
	PlayInfoList struct {
		PlayInfo []json.RawMessage
	}
}

// parseVendor reads a GetPlayInfo response. A stream that the vendor calls
// Invisible (blocked) is taken in like any other: a purge must reach it above
// all, and a prefetch of it fails at the origin and says so.
func parseVendor(line []byte) (media, error) {
	var p playInfo
	if err := json.Unmarshal(line, &p); err != nil {
		return media{}, explain("", err)
	}
	b := p.VideoBase
	if p.PlayInfoList.PlayInfo == nil {
		return media{MediaID: b.VideoID}, errors.New("PlayInfoList.PlayInfo: is missing")
	}
	return media{
		MediaID: b.VideoID, Title: b.Title, MediaType: b.MediaType, Status: b.Status,
		Duration: b.Duration, CoverURL: b.CoverURL, CreationTime: b.CreationTime,
		Streams: p.PlayInfoList.PlayInfo, vendor: true,
	}, nil
}
