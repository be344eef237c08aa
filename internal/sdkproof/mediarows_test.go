package sdkproof_test

import "maps"

// The media that has everything that the vendor tells of one, beside those of
// the ladder.
const (
	described      = "f1a3c0de5eed4a11b0a70000000000aa"
	describedMedia = `{"MediaId":"` + described + `","ReferenceId":"ref-000001","Title":"<Film> & „Ton“","Description":"two words","Tags":["a","b c"],"CateId":781111,"CateName":"films","CoverURL":"https://img.example.com/1.jpg?a=b&c=d","Snapshots":["https://img.example.com/2.jpg","https://img.example.com/3.jpg"],"MediaType":"video","Status":"Normal","AppId":"app-1000000","StorageLocation":"bucket.example.com","TemplateGroupId":"VOD_NO_TRANSCODE","Duration":135.6,"Size":5000000000,"UserData":"{\"Extend\":\"e\"}","CreationTime":"2026-03-04T05:06:07Z","ModificationTime":"2026-03-05T05:06:07Z","Streams":[` +
		`{"JobId":"j1","Format":"m3u8","Definition":"HD","StreamType":"video","PlayURL":"http://vod.example.com/described/hd.m3u8","CreationTime":"2026-03-04T06:00:00Z","ModificationTime":"2026-03-04T07:00:00Z","Size":4000000000,"Bitrate":"900.5","Duration":"135.5","Fps":"29.97","Width":1920,"Height":1080,"Encrypt":1,"EncryptType":"HLSEncryption","EncryptMode":"License","Specification":"H264.HD","NarrowBandType":"1.0","WatermarkId":"w1","JobType":"2","JobExt":"ext","BitDepth":10,"HDRType":"HDR10","CodecName":"H264"},` +
		`{"JobId":"j2","Format":"mp3","Definition":"SQ","StreamType":"audio","PlayURL":"http://vod.example.com/described/sq.mp3","Status":"Invisible"}]}` + "\n"
)

// describedFields are what operations show of it, below a path.
func describedFields(at string) fields {
	out := fields{}
	for name, value := range (fields{
		"VideoId": described, "Title": "<Film> & „Ton“", "Description": "two words", "Tags": "a,b c", "CateId": "781111", "CateName": "films",
		"CoverURL": "https://img.example.com/1.jpg?a=b&c=d", "Status": "Normal", "AuditStatus": "Normal", "Size": "5000000000",
		"Duration": "135.6", "CreationTime": "2026-03-04T05:06:07Z", "ModificationTime": "2026-03-05T05:06:07Z",
		"StorageLocation": "bucket.example.com", "TemplateGroupId": "VOD_NO_TRANSCODE", "AppId": "app-1000000",
		"UserData": `{"Extend":"e"}`, "ReferenceId": "ref-000001",
	}) {
		out[at+"."+name] = value
	}
	return out
}

func with(a, b fields) fields {
	maps.Copy(a, b)
	return a
}

// mediaChangeRows come in this order: what they make they delete (contract §4.12,
// §4.14).
func mediaChangeRows() []row {
	const file = "http://vod.example.com/up/new.mp4"
	const item = `{"FileURL":"` + file + `","Title":"<New> & „neu“","Tags":"a,b","CateId":7}`
	gone := &fault{"InvalidVideo.NotFound", 404, "The video does not exist."}
	return []row{
		{
			action: "RegisterMedia", about: "a file", params: params{"RegisterMetadatas": "[" + item + "]", "TemplateGroupId": "VOD_NO_TRANSCODE", "UserData": `{"Extend":"e"}`},
			want: fields{
				"RequestId": anyRequestID, "RegisteredMediaList.#": "1", "RegisteredMediaList[0].MediaId": `/^[0-9a-f]{32}$/`,
				"RegisteredMediaList[0].FileURL": file, "RegisteredMediaList[0].NewRegister": "true",
			},
			keep: params{"registered": "RegisteredMediaList[0].MediaId"},
		},
		{
			action: "RegisterMedia", about: "it again, and what is none",
			params: params{"RegisterMetadatas": "[" + item + `,{"FileURL":"no URL","Title":"t"}]`},
			want: fields{
				"RegisteredMediaList.#": "1", "RegisteredMediaList[0].MediaId": "{registered}", "RegisteredMediaList[0].NewRegister": "false",
				"FailedFileURLs.#": "1", "FailedFileURLs[0]": "no URL",
			},
		},
		{
			action: "GetPlayInfo", about: "what was registered", params: params{"VideoId": "{registered}"},
			want: fields{
				"VideoBase.Title": "<New> & „neu“", "PlayInfoList.PlayInfo.#": "1", "PlayInfoList.PlayInfo[0].PlayURL": file,
				"PlayInfoList.PlayInfo[0].Definition": "OD", "PlayInfoList.PlayInfo[0].Format": "mp4",
			},
			keep: params{"stream": "PlayInfoList.PlayInfo[0].JobId"},
		},
		{action: "DeleteStream", about: "its stream", params: params{"VideoId": "{registered}", "JobIds": "{stream}"}, want: fields{"RequestId": anyRequestID}},
		{
			action: "DeleteStream", about: "its stream again", params: params{"VideoId": "{registered}", "JobIds": "{stream}"},
			fault: &fault{"InvalidStream.NotFound", 404, "The stream does not exist."},
		},
		{action: "DeleteStream", about: "no stream", params: params{"VideoId": "{registered}"}, fault: missing("JobIds")},
		{
			action: "DeleteVideo", about: "it, with an unknown one", params: params{"VideoIds": "{registered}, " + absent},
			want: fields{"RequestId": anyRequestID, "NonExistVideoIds.#": "1", "NonExistVideoIds[0]": absent, "ForbiddenVideoIds.#": "0"},
		},
		{action: "DeleteVideo", about: "it again", params: params{"VideoIds": "{registered}"}, fault: gone},
		{action: "DeleteVideo", about: "none", fault: missing("VideoIds")},
		{action: "RegisterMedia", about: "nothing", fault: missing("RegisterMetadatas")},
		{action: "RegisterMedia", about: "bad metadata", params: params{"RegisterMetadatas": "[]"}, fault: invalid("RegisterMetadatas")},
		{
			action: "RegisterMedia", about: "a foreign host", params: params{"RegisterMetadatas": `{"FileURL":"http://elsewhere.example.net/a.mp4","Title":"t"}`},
			fault: &fault{"InvalidDomain.NotFound", 404, "The domain provided does not belong to you."},
		},
	}
}

// searchRows find media (contract §4.13).
func searchRows() []row {
	const title = "Title = '„Ton“' and CateId = 781111"
	shown := fields{
		"RequestId": anyRequestID, "Total": "1", "MediaList.#": "1", "MediaList[0].MediaId": described, "MediaList[0].MediaType": "video",
		"MediaList[0].CreationTime": "2026-03-04T05:06:07Z",
	}
	for _, name := range []string{
		"VideoId", "Title", "Status", "Description", "Tags", "CateId", "CateName", "CoverURL", "Size", "Duration",
		"CreationTime", "ModificationTime", "StorageLocation", "AppId", "UserData",
	} {
		shown["MediaList[0].Video."+name] = describedFields("Video")["Video."+name]
	}
	shown["MediaList[0].Video.Snapshots.#"], shown["MediaList[0].Video.Snapshots[1]"] = "2", "https://img.example.com/3.jpg"
	return []row{
		{
			action: "SearchMedia", about: "every field",
			params: params{
				"SearchType": "video", "Match": title, "SortBy": "CreationTime:Desc", "PageNo": "1", "PageSize": "20",
				"Fields": "Title,Status,Description,Tags,CateId,CateName,CoverURL,Size,Duration,CreationTime,ModificationTime,StorageLocation,AppId,UserData,Snapshots",
			},
			want: shown,
		},
		{
			action: "SearchMedia", about: "one of several", params: params{"PageSize": "1", "Match": "Status = 'Normal'"},
			want: fields{"MediaList.#": "1", "ScrollToken": `/^[\w-]{32}$/`}, keep: params{"scroll": "ScrollToken"},
		},
		{
			action: "SearchMedia", about: "the next of them", params: params{"PageSize": "1", "Match": "Status = 'Normal'", "ScrollToken": "{scroll}"},
			want: fields{"MediaList.#": "1"},
		},
		{
			action: "SearchMedia", about: "the token of another search", params: params{"ScrollToken": "{scroll}"},
			fault: &fault{"InvalidScrollToken.Expired", 400, "The ScrollToken is expired."},
		},
		{
			action: "SearchMedia", about: "a bad expression", params: params{"Match": "Colour = 'red'"},
			fault: &fault{"ErrorMatchSyntax", 400, "The parameter Match.Colour has an error syntax, please check it."},
		},
		{action: "SearchMedia", about: "a page too big", params: params{"PageSize": "101"}, fault: invalid("PageSize")},
	}
}

// mediaRows are about media and their streams (contract §4.10, §4.11).
func mediaRows() []row {
	gone := &fault{"InvalidVideo.NotFound", 404, "The video does not exist."}
	return []row{
		{
			action: "GetVideoInfo", about: "every field", params: params{"VideoId": described},
			want: with(describedFields("Video"), fields{
				"RequestId": anyRequestID, "Video.Snapshots.Snapshot.#": "2", "Video.Snapshots.Snapshot[1]": "https://img.example.com/3.jpg",
			}),
		},
		{action: "GetVideoInfo", about: "no ID", fault: missing("VideoId")},
		{action: "GetVideoInfo", about: "an unknown one", params: params{"VideoId": absent}, fault: gone},
		{
			action: "GetVideoInfos", about: "every field, with an unknown one", params: params{"VideoIds": absent + "," + described},
			want: with(describedFields("VideoList[0]"), fields{
				"RequestId": anyRequestID, "VideoList.#": "1", "NonExistVideoIds.#": "1", "NonExistVideoIds[0]": absent,
				"VideoList[0].Snapshots.#": "2", "VideoList[0].Snapshots[0]": "https://img.example.com/2.jpg",
			}),
		},
		{action: "GetVideoInfos", about: "no ID", fault: missing("VideoIds")},
		{action: "GetVideoInfos", about: "unknown ones", params: params{"VideoIds": absent}, fault: gone},
		{
			action: "GetPlayInfo", about: "every field", params: params{"VideoId": described, "AuthTimeout": "3600"},
			want: fields{
				"RequestId": anyRequestID, "VideoBase.VideoId": described, "VideoBase.Title": "<Film> & „Ton“", "VideoBase.Status": "Normal",
				"VideoBase.MediaType": "video", "VideoBase.Duration": "135.6", "VideoBase.CoverURL": "https://img.example.com/1.jpg?a=b&c=d",
				"VideoBase.CreationTime": "2026-03-04T05:06:07Z", "PlayInfoList.PlayInfo.#": "2",
				"PlayInfoList.PlayInfo[0].JobId": "j1", "PlayInfoList.PlayInfo[0].PlayURL": "http://vod.example.com/described/hd.m3u8",
				"PlayInfoList.PlayInfo[0].Format": "m3u8", "PlayInfoList.PlayInfo[0].Definition": "HD",
				"PlayInfoList.PlayInfo[0].StreamType": "video", "PlayInfoList.PlayInfo[0].Status": "Normal",
				"PlayInfoList.PlayInfo[0].CreationTime": "2026-03-04T06:00:00Z", "PlayInfoList.PlayInfo[0].ModificationTime": "2026-03-04T07:00:00Z",
				"PlayInfoList.PlayInfo[0].Size": "4000000000", "PlayInfoList.PlayInfo[0].Bitrate": "900.5", "PlayInfoList.PlayInfo[0].Duration": "135.5",
				"PlayInfoList.PlayInfo[0].Fps": "29.97", "PlayInfoList.PlayInfo[0].Width": "1920", "PlayInfoList.PlayInfo[0].Height": "1080",
				"PlayInfoList.PlayInfo[0].Encrypt": "1", "PlayInfoList.PlayInfo[0].EncryptType": "HLSEncryption",
				"PlayInfoList.PlayInfo[0].EncryptMode": "License", "PlayInfoList.PlayInfo[0].Specification": "H264.HD",
				"PlayInfoList.PlayInfo[0].NarrowBandType": "1.0", "PlayInfoList.PlayInfo[0].WatermarkId": "w1",
				"PlayInfoList.PlayInfo[0].JobType": "2", "PlayInfoList.PlayInfo[0].JobExt": "ext", "PlayInfoList.PlayInfo[0].BitDepth": "10",
				"PlayInfoList.PlayInfo[0].HDRType": "HDR10", "PlayInfoList.PlayInfo[0].CodecName": "H264",
				"PlayInfoList.PlayInfo[1].PlayURL": "http://vod.example.com/described/sq.mp3", "PlayInfoList.PlayInfo[1].Status": "Invisible",
				"PlayInfoList.PlayInfo[1].Encrypt": "0",
			},
		},
		{action: "GetPlayInfo", about: "no ID", fault: missing("VideoId")},
		{action: "GetPlayInfo", about: "a bad lifetime", params: params{"VideoId": described, "AuthTimeout": "0"}, fault: invalid("AuthTimeout")},
		{action: "GetPlayInfo", about: "an unknown one", params: params{"VideoId": absent}, fault: gone},
		{
			action: "GetPlayInfo", about: "no such stream", params: params{"VideoId": described, "Definition": "4K"},
			fault: &fault{
				"InvalidVideo.NoneStream", 404,
				"The video has no stream to play for the request parameter 'Formats: all, Definition: 4K, StreamType: all'.",
			},
		},
	}
}
