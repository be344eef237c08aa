package sdkproof_test

// moreMediaRows are further calls about media, their jobs and tasks: those with
// the parameters that few callers send (contract §4.5, §4.10).
func moreMediaRows() []row {
	const hd = "PlayInfoList.PlayInfo[0]."
	return []row{
		{
			action: "DescribeVodRefreshTasks", about: "between two times, none of which is in the last three days",
			params: params{"TaskId": "{tasks}", "StartTime": "2020-01-02T03:04:05Z", "EndTime": "2099-01-02T03:04:05Z"},
			want:   fields{"TotalCount": "2"},
		},
		{
			action: "DescribeVodRefreshTasks", about: "between two times of long ago",
			params: params{"TaskId": "{tasks}", "StartTime": "2020-01-02T03:04:05Z", "EndTime": "2020-01-03T03:04:05Z"},
			want:   fields{"TotalCount": "0"},
		},
		{action: "DescribeVodRefreshTasks", about: "a bad time", params: params{"StartTime": "yesterday"}, fault: invalid("StartTime")},
		{
			action: "GetPlayInfo", about: "with every filter",
			params: params{
				"VideoId": described, "Formats": "mp4, m3u8", "Definition": "hd,SD", "StreamType": "video", "ResultType": "Multiple", "CodecName": "h264",
				"DigitalWatermarkType": "TraceMark", "OutputType": "oss", "AuthTimeout": "3600", "ReAuthInfo": `{"uid":"7","rand":"477b3bbc"}`,
				"PlayConfig": `{"PlayDomain":"vod.example.com","EncryptType":"HLSEncryption","XForwardedFor":"192.0.2.1"}`,
			},
			want: fields{
				"PlayInfoList.PlayInfo.#": "1", hd + "JobId": "j1", hd + "Definition": "HD", hd + "Format": "m3u8", hd + "CodecName": "H264",
				hd + "PlayURL": "http://vod.example.com/described/hd.m3u8",
			},
		},
		{action: "GetPlayInfo", about: "a bad format", params: params{"VideoId": described, "Formats": "avi"}, fault: invalid("Formats")},
		{action: "GetPlayInfo", about: "no JSON", params: params{"VideoId": described, "ReAuthInfo": "x"}, fault: invalid("ReAuthInfo")},
	}
}
