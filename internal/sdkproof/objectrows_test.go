package sdkproof_test

// objectRows are about URLs (contract §4.3, §4.4). There is one good call of each
// kind: two of the same second would share their task ID.
func objectRows() []row {
	const (
		audio     = "http://vod.example.com/film/audio.mp3"
		playlist  = "http://vod.example.com/film/ts/audio/index.m3u8"
		directory = "http://vod.example.com/film/ts/"
	)
	tasks := func(id, about, kind string, paths ...string) row {
		r := row{
			action: "DescribeVodRefreshTasks", about: about, params: params{"TaskId": "{" + id + "}", "ObjectType": kind}, soon: true,
			want: fields{"TotalCount": "1", "Tasks.Task.#": "1"},
		}
		if len(paths) == 2 {
			r.want = fields{"TotalCount": "2", "Tasks.Task.#": "2"}
		}
		for i, path := range paths { // newest first
			at := "Tasks.Task[" + string(rune('0'+len(paths)-1-i)) + "]."
			for name, value := range (fields{
				"TaskId": "{" + id + "}", "ObjectPath": path, "ObjectType": kind, "Status": "Complete", "Process": "100%", "Description": "",
			}) {
				r.want[at+name] = value
			}
		}
		return r
	}
	malformed := &fault{"InvalidObjectPath.Malformed", 400, "The specific value of parameter ObjectPath is malformed."}
	foreign := &fault{"InvalidDomain.NotFound", 404, "The domain provided does not belong to you."}
	return []row{
		{
			action: "PreloadVodObjectCaches", about: "two files of one domain have one task",
			params: params{"ObjectPath": audio + "\n" + playlist},
			want:   fields{"RequestId": anyRequestID, "PreloadTaskId": anyTask}, keep: params{"preload": "PreloadTaskId"},
		},
		tasks("preload", "prefetched files", "preload", audio, playlist),
		{
			action: "RefreshVodObjectCaches", about: "files, without a scheme",
			params: params{"ObjectPath": "vod.example.com/film/audio.mp3\r\n\r\nvod.example.com/film/ts/audio/index.m3u8\r\n"},
			want:   fields{"RequestId": anyRequestID, "RefreshTaskId": anyTask}, keep: params{"files": "RefreshTaskId"},
		},
		tasks("files", "purged files", "file", audio, playlist),
		{
			action: "RefreshVodObjectCaches", about: "a directory",
			params: params{"ObjectPath": directory, "ObjectType": "Directory", "Force": "true"},
			want:   fields{"RefreshTaskId": anyTask}, keep: params{"directory": "RefreshTaskId"},
		},
		tasks("directory", "a purged directory", "directory", directory),
		{
			action: "DescribeVodRefreshTasks", about: "by path, type and status", soon: true,
			params: params{"ObjectPath": directory, "ObjectType": "directory", "Status": "Complete"},
			want:   fields{"TotalCount": "1", "Tasks.Task[0].TaskId": "{directory}"},
		},
		{
			action: "RefreshVodObjectCaches", about: "a regular expression",
			params: params{"ObjectPath": `vod.example.com/film/audio\.mp[34]$`, "ObjectType": "Regex"},
			want:   fields{"RefreshTaskId": anyTask}, keep: params{"regex": "RefreshTaskId"},
		},
		tasks("regex", "what it matched", "regex", audio),
		{
			action: "RefreshVodObjectCaches", about: "a regular expression that matches nothing",
			params: params{"ObjectPath": "vod.example.com/none/", "ObjectType": "regex"},
			want:   fields{"RefreshTaskId": anyTask}, keep: params{"nothing": "RefreshTaskId"},
		},
		tasks("nothing", "nothing that it matched", "regex", "http://vod.example.com/none/"),
		{
			action: "RefreshVodObjectCaches", about: "a URL with any query",
			params: params{"ObjectPath": audio, "ObjectType": "IgnoreParams"},
			want:   fields{"RefreshTaskId": anyTask}, keep: params{"bare": "RefreshTaskId"},
		},
		tasks("bare", "a URL, and what begins with it and a question mark", "ignoreparams", audio, audio+"?"),
		{
			action: "RefreshVodObjectCaches", about: "a bad expression", params: params{"ObjectPath": "vod.example.com/(", "ObjectType": "Regex"},
			fault: malformed,
		},
		{action: "RefreshVodObjectCaches", about: "no path", fault: missing("ObjectPath")},
		{action: "RefreshVodObjectCaches", about: "a bad switch", params: params{"ObjectPath": audio, "Force": "yes"}, fault: invalid("Force")},
		{action: "RefreshVodObjectCaches", about: "a foreign host", params: params{"ObjectPath": "elsewhere.example.net/a"}, fault: foreign},
		{
			action: "RefreshVodObjectCaches", about: "a bad type", params: params{"ObjectPath": audio, "ObjectType": "Block"},
			fault: &fault{"InvalidObjectType.ValueNotSupported", 400, `The specified value of "ObjectType" is not supported.`},
		},
		{
			action: "RefreshVodObjectCaches", about: "no directory", params: params{"ObjectPath": audio, "ObjectType": "Directory"},
			fault: malformed,
		},
		{
			action: "PreloadVodObjectCaches", about: "as two viewers, for the parents of an area",
			params: params{"ObjectPath": directory + "144p/index.m3u8", "Area": "overseas", "L2Preload": "true", "WithHeader": `{"Accept-Encoding":["gzip, deflate, br","identity"]}`},
			want:   fields{"PreloadTaskId": anyTask},
		},
		{action: "PreloadVodObjectCaches", about: "no area", params: params{"ObjectPath": audio, "Area": "moon"}, fault: invalid("Area")},
		{action: "PreloadVodObjectCaches", about: "no switch", params: params{"ObjectPath": audio, "L2Preload": "yes"}, fault: invalid("L2Preload")},
		{action: "PreloadVodObjectCaches", about: "no header", params: params{"ObjectPath": audio, "WithHeader": `{"Cookie":["a=b"]}`}, fault: invalid("WithHeader")},
		{action: "PreloadVodObjectCaches", about: "no path", fault: missing("ObjectPath")},
		{action: "PreloadVodObjectCaches", about: "a directory", params: params{"ObjectPath": directory}, fault: malformed},
		{action: "PreloadVodObjectCaches", about: "a foreign host", params: params{"ObjectPath": "elsewhere.example.net/a"}, fault: foreign},
	}
}
