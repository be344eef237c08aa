package sdkproof_test

// quotaRows are about what accounts may do (contract §4.6): a server without
// limits tells very large numbers.
func quotaRows() []row {
	const large = "1000000000"
	return []row{{
		action: "DescribeVodRefreshQuota", about: "without limits",
		params: params{"SecurityToken": "x"},
		want: fields{
			"RequestId": anyRequestID, "UrlQuota": large, "UrlRemain": large, "DirQuota": large, "DirRemain": large,
			"PreloadQuota": large, "PreloadRemain": large, "BlockQuota": large, "blockRemain": large,
		},
	}}
}
