package sdkproof_test

import (
	"slices"

	"github.com/freshet-vod/freshet/internal/rpc/rpctest"
)

// row is one call and what must come of it.
type row struct {
	action string
	about  string // what the row shows
	// params may hold "{name}", which stands for what an earlier row kept.
	params map[string]string
	// want are decoded fields by their path ([rpctest.Answer.Field]). A text
	// in slashes is a regular expression, others are literal; both may hold
	// "{name}".
	want map[string]string
	keep map[string]string // names of what later rows need, by its path
	// soon tells that the answer comes true in a while: the call is repeated.
	soon  bool
	fault *fault
	// as are the credentials of the call, where they are not the server's first.
	// They may hold "{name}". A client whose SDK has none of the kind leaves the
	// row out.
	as *rpctest.Credentials
}

// fault is an error as it must surface.
type fault struct {
	code    string
	status  int
	message string // a part of it
}

func missing(name string) *fault {
	return &fault{"MissingParameter", 400, `The input parameter "` + name + `" that is mandatory for processing this request is not supplied.`}
}

func invalid(name string) *fault {
	return &fault{"InvalidParameter", 400, `The specified parameter "` + name + `" is not valid.`}
}

type (
	params = map[string]string
	fields = map[string]string
)

// The texts of values whose content is not known beforehand.
const (
	anyTime      = `/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/`
	anyRequestID = `/^[0-9A-F]{8}-([0-9A-F]{4}-){3}[0-9A-F]{12}$/`
	anyJob       = `/^[0-9a-f]{16}$/`
	anyTask      = `/^\d{10,11}$/`
)

// The media of the catalog that the server starts with.
const (
	film   = "f1a3c0de5eed4a11b0a7000000000001"
	sound  = "f1a3c0de5eed4a11b0a7000000000004"
	absent = "ca3a8f6e4957b658067095869abcdef0"
)

// table is everything that every client does, in order, with a server that
// holds the catalog of the ladder.
func table() []row {
	last := referenceRows() // they delete what others need
	return append(slices.Concat(
		mediaJobRows(),
		mediaRows(), searchRows(), mediaChangeRows(),
		objectRows(), callbackRows(),
		moreObjectRows(), moreMediaRows(),
		credentialRows(),
		domainRows(), quotaRows(),
	), last...)
}

// mediaJobRows are about jobs by media ID and their tasks (contract §4.1, §4.2,
// §4.5).
func mediaJobRows() []row {
	const userData = `{"MessageCallback":{"CallbackURL":"http://example.com"},"Extend":{"localId":"a b*c~d+e","test":"中文/&=\"'!()"}}`
	return []row{
		{
			action: "RefreshMediaPlayUrls", about: "one media, with an unknown one",
			params: params{"MediaIds": sound + ", " + absent, "TaskType": "Refresh", "UserData": userData},
			want:   fields{"RequestId": anyRequestID, "MediaRefreshJobId": anyJob, "NonExistMediaIds": absent, "ForbiddenMediaIds": ""},
			keep:   params{"job": "MediaRefreshJobId"},
		},
		{
			action: "GetMediaRefreshJobs", about: "its row",
			params: params{"MediaRefreshJobId": "{job}", "MediaId": sound},
			want: fields{
				"RequestId": anyRequestID, "MediaRefreshJobs.#": "1", "MediaRefreshJobs[0].MediaRefreshJobId": "{job}",
				"MediaRefreshJobs[0].MediaId": sound, "MediaRefreshJobs[0].TaskType": "Refresh", "MediaRefreshJobs[0].Status": "success",
				"MediaRefreshJobs[0].FilterPolicy":    `{"ResultType":"Single","SliceFlag":false}`,
				"MediaRefreshJobs[0].SuccessPlayUrls": "http://vod.example.com/film/audio.mp3,http://vod.example.com/film/ts/audio/index.m3u8",
				"MediaRefreshJobs[0].TaskIds":         `/^\d{10,11},\d{10,11}$/`,
				"MediaRefreshJobs[0].UserData":        userData, "MediaRefreshJobs[0].ErrorCode": "", "MediaRefreshJobs[0].ErrorMessage": "",
				"MediaRefreshJobs[0].GmtCreate": anyTime, "MediaRefreshJobs[0].GmtModified": anyTime,
			},
			keep: params{"tasks": "MediaRefreshJobs[0].TaskIds"}, soon: true,
		},
		{
			action: "DescribeVodRefreshTasks", about: "its tasks, when they are complete",
			params: params{"TaskId": "{tasks}", "PageSize": "10"},
			want: fields{
				"RequestId": anyRequestID, "TotalCount": "2", "PageNumber": "1", "PageSize": "10", "Tasks.Task.#": "2",
				"Tasks.Task[0].Status": "Complete", "Tasks.Task[1].Status": "Complete", "Tasks.Task[0].Process": "100%",
				"Tasks.Task[0].ObjectType": "file", "Tasks.Task[0].ObjectPath": `/^http://vod\.example\.com/film/.*$/`,
				"Tasks.Task[0].TaskId": anyTask, "Tasks.Task[0].CreationTime": anyTime, "Tasks.Task[0].Description": "",
			},
			soon: true,
		},
		{
			action: "DescribeVodRefreshTasks", about: "by domain and type",
			params: params{"DomainName": "vod.example.com", "ObjectType": "file", "PageSize": "1", "PageNumber": "2"},
			want:   fields{"TotalCount": "2", "PageNumber": "2", "PageSize": "1", "Tasks.Task.#": "1"},
		},
		{
			action: "DescribeVodRefreshTasks", about: "nothing found",
			params: params{"TaskId": "1"}, want: fields{"TotalCount": "0", "Tasks.Task.#": "0"},
		},
		{
			action: "RefreshMediaPlayUrls", about: "a prefetch with filters that nothing passes",
			params: params{
				"MediaIds": sound, "TaskType": "preload", "Formats": "mp4, WEBM", "Definitions": "hd", "StreamType": "video",
				"ResultType": "multiple", "SliceFlag": "true", "SliceCount": "3",
			},
			want: fields{"MediaRefreshJobId": anyJob, "NonExistMediaIds": ""},
			keep: params{"fruitless": "MediaRefreshJobId"},
		},
		{
			action: "GetMediaRefreshJobs", about: "a row that failed",
			params: params{"MediaRefreshJobId": "{fruitless}"},
			want: fields{
				"MediaRefreshJobs.#": "1", "MediaRefreshJobs[0].TaskType": "Preload", "MediaRefreshJobs[0].Status": "fail",
				"MediaRefreshJobs[0].FilterPolicy":    `{"Formats":"mp4,webm","Definitions":"HD","StreamType":"video","ResultType":"Multiple","SliceFlag":true,"SliceCount":3}`,
				"MediaRefreshJobs[0].SuccessPlayUrls": "", "MediaRefreshJobs[0].TaskIds": "", "MediaRefreshJobs[0].ErrorCode": "InvalidVideo.NoneStream",
				"MediaRefreshJobs[0].ErrorMessage": "/^The video has no stream to play for the request parameter/",
			},
			soon: true,
		},
		{
			action: "GetMediaRefreshJobs", about: "an unknown job",
			params: params{"MediaRefreshJobId": "ffffffffffffffff"}, want: fields{"RequestId": anyRequestID, "MediaRefreshJobs.#": "0"},
		},
		{action: "RefreshMediaPlayUrls", about: "no media", params: params{"TaskType": "Refresh"}, fault: missing("MediaIds")},
		{action: "RefreshMediaPlayUrls", about: "no type", params: params{"MediaIds": film}, fault: missing("TaskType")},
		{action: "RefreshMediaPlayUrls", about: "a bad type", params: params{"MediaIds": film, "TaskType": "Purge"}, fault: invalid("TaskType")},
		{
			action: "RefreshMediaPlayUrls", about: "21 media",
			params: params{"MediaIds": "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21", "TaskType": "Refresh"},
			fault:  &fault{"MediaIdsExceededMax", 400, "The MediaIds exceeded maximum."},
		},
		{action: "GetMediaRefreshJobs", about: "no job", fault: missing("MediaRefreshJobId")},
		{
			action: "DescribeVodRefreshTasks", about: "no number", params: params{"TaskId": "abc"},
			fault: &fault{"InvalidTaskId.Malformed", 400, "Specified TaskId is malformed."},
		},
		{action: "DescribeVodRefreshTasks", about: "no type", params: params{"Status": "Complete"}, fault: missing("ObjectType")},
	}
}
