package sdkproof_test

import "strings"

// moreObjectRows are the rarer answers of calls by URL (contract §3.3, §4.3,
// §4.4).
func moreObjectRows() []row {
	const absentFile = "http://vod.example.com/film/a b,ü+absent.mp4"
	wildcard := &fault{"InvalidExtensiveDomain.ValueNotSupported", 400, "Extensive domain not supported."}
	tooMany := func(most string) *fault {
		return &fault{"InvalidObjectPath.Size.Malformed", 400, "The size of ObjectPath is bigger than " + most + "."}
	}
	return []row{
		{
			action: "RefreshVodObjectCaches", about: "two directories, each a task",
			params: params{"ObjectPath": "https://vod.example.com/clip/\nvod.example.com/film/cmaf/", "ObjectType": "directory"},
			want:   fields{"RefreshTaskId": `/^\d{10,11},\d{10,11}$/`},
			keep:   params{"directories": "RefreshTaskId"},
		},
		{
			action: "DescribeVodRefreshTasks", about: "both directories",
			params: params{"TaskId": "{directories}", "ObjectType": "directory", "Status": "Complete"},
			want:   fields{"TotalCount": "2", "Tasks.Task[0].ObjectType": "directory", "Tasks.Task[1].Process": "100%"},
			soon:   true,
		},
		{
			action: "PreloadVodObjectCaches", about: "a file that the origin does not have",
			params: params{"ObjectPath": absentFile}, want: fields{"PreloadTaskId": anyTask}, keep: params{"cold": "PreloadTaskId"},
		},
		{
			action: "DescribeVodRefreshTasks", about: "what failed",
			params: params{"TaskId": "{cold}", "ObjectPath": absentFile},
			want:   fields{"TotalCount": "1", "Tasks.Task[0].Status": "Failed", "Tasks.Task[0].Description": "/^Origin Return StatusCode 4XX/"},
			soon:   true,
		},
		{action: "RefreshVodObjectCaches", about: "a wildcard", params: params{"ObjectPath": "*.example.com/a"}, fault: wildcard},
		{action: "RefreshVodObjectCaches", about: "1001 lines", params: params{"ObjectPath": strings.Repeat("vod.example.com/a\n", 1001)}, fault: tooMany("1000")},
		{action: "PreloadVodObjectCaches", about: "101 lines", params: params{"ObjectPath": strings.Repeat("vod.example.com/a\n", 101)}, fault: tooMany("100")},
	}
}
