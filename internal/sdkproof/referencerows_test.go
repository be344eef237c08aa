package sdkproof_test

// referenceRows reach media by the IDs that callers gave them, and delete them;
// they come after all that need these media (contract §4.10 to §4.14).
func referenceRows() []row {
	const (
		reference = "ref-000001"
		twentyOne = "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21"
	)
	gone := &fault{"InvalidVideo.NotFound", 404, "The video does not exist."}
	tooMany := &fault{"VideoIdsExceededMax", 400, "The VideoIds exceeded maximum."}
	return []row{
		{action: "GetVideoInfo", about: "by reference", params: params{"ReferenceId": reference}, want: fields{"Video.VideoId": described, "Video.ReferenceId": reference}},
		{
			action: "GetVideoInfos", about: "by reference, with an unknown one", params: params{"ReferenceIds": reference + ",ref-000009"},
			want: fields{
				"VideoList.#": "1", "VideoList[0].VideoId": described, "VideoList[0].ReferenceId": reference,
				"NonExistReferenceIds.#": "1", "NonExistReferenceIds[0]": "ref-000009", "NonExistVideoIds.#": "0",
			},
		},
		{action: "GetPlayInfo", about: "by reference", params: params{"ReferenceId": reference}, want: fields{"VideoBase.VideoId": described}},
		{action: "GetVideoInfo", about: "by an unknown reference", params: params{"ReferenceId": "ref-000009"}, fault: gone},
		{action: "GetVideoInfo", about: "by another account's reference", as: key("neighbour"), params: params{"ReferenceId": reference}, fault: gone},
		{action: "GetVideoInfos", about: "21 media", params: params{"VideoIds": twentyOne}, fault: tooMany},
		{action: "DeleteVideo", about: "21 media", params: params{"VideoIds": twentyOne}, fault: tooMany},
		{
			action: "DeleteStream", about: "21 streams", params: params{"VideoId": described, "JobIds": twentyOne},
			fault: &fault{"JobIdsExceededMax", 400, "The JobIds exceeded maximum."},
		},
		{
			action: "RegisterMedia", about: "for a workflow",
			params: params{"RegisterMetadatas": `{"FileURL":"http://vod.example.com/new/b.mp4","Title":"b"}`, "WorkflowId": "w1"},
			want:   fields{"RegisteredMediaList.#": "1", "RegisteredMediaList[0].NewRegister": "true", "FailedFileURLs.#": "0"},
			keep:   params{"raw": "RegisteredMediaList[0].MediaId"},
		},
		{action: "GetVideoInfo", about: "which is not yet playable", params: params{"VideoId": "{raw}"}, want: fields{"Video.Status": "UploadSucc"}},
		{
			action: "GetPlayInfo", about: "not yet playable", params: params{"VideoId": "{raw}"},
			fault: &fault{"Forbidden.IllegalStatus", 403, "Status of the video is illegal. Current Status is UploadSucc."},
		},
		{
			action: "DeleteVideo", about: "media that the key may not delete", as: key("bound"), params: params{"VideoIds": film + "," + absent},
			want: fields{"ForbiddenVideoIds.#": "1", "ForbiddenVideoIds[0]": film, "NonExistVideoIds.#": "1", "NonExistVideoIds[0]": absent},
		},
		{action: "DeleteVideo", about: "another account's media", as: key("neighbour"), params: params{"VideoIds": film}, fault: gone},
		{action: "DeleteStream", about: "of an unknown media", params: params{"VideoId": absent, "JobIds": "j1"}, fault: gone},
		{action: "DeleteStream", about: "by reference", params: params{"ReferenceId": reference, "JobIds": "j2"}, want: fields{"RequestId": anyRequestID}},
		{action: "GetPlayInfo", about: "what is left", params: params{"VideoId": described}, want: fields{"PlayInfoList.PlayInfo.#": "1", "PlayInfoList.PlayInfo[0].JobId": "j1"}},
		{
			action: "DeleteVideo", about: "by reference, with an unknown one", params: params{"ReferenceIds": reference + ",ref-000009"},
			want: fields{"NonExistReferenceIds.#": "1", "NonExistReferenceIds[0]": "ref-000009", "NonExistVideoIds.#": "0", "ForbiddenVideoIds.#": "0"},
		},
		{action: "GetVideoInfo", about: "what was deleted", params: params{"VideoId": described}, fault: gone},
	}
}
