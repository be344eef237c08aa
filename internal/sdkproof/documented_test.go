package sdkproof_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// documented are the parameters and the fields of an operation's answer
// (contract §4), without those that docs/vendor-api.md leaves out.
type documented struct {
	params string
	fields string // paths without indexes
}

func contract() map[string]documented {
	const (
		videoFields = "VideoId Title Description Tags CateId CateName CoverURL Status AuditStatus Size Duration CreationTime " +
			"ModificationTime StorageLocation TemplateGroupId AppId UserData ReferenceId"
		playFields = "JobId PlayURL Format Definition StreamType Status CreationTime ModificationTime Size Duration Fps Bitrate Width " +
			"Height Encrypt EncryptType EncryptMode Specification NarrowBandType WatermarkId JobType JobExt BitDepth HDRType CodecName"
	)
	return map[string]documented{
		"RefreshMediaPlayUrls": {
			"MediaIds TaskType Formats Definitions StreamType ResultType SliceFlag SliceCount UserData",
			"RequestId MediaRefreshJobId NonExistMediaIds ForbiddenMediaIds",
		},
		"GetMediaRefreshJobs": {
			"MediaRefreshJobId MediaId",
			"RequestId " + below("MediaRefreshJobs", "MediaRefreshJobId MediaId TaskType FilterPolicy Status SuccessPlayUrls TaskIds ErrorCode ErrorMessage UserData GmtCreate GmtModified"),
		},
		"RefreshVodObjectCaches": {"ObjectPath ObjectType Force", "RequestId RefreshTaskId"},
		"PreloadVodObjectCaches": {"ObjectPath Area L2Preload WithHeader", "RequestId PreloadTaskId"},
		"DescribeVodRefreshTasks": {
			"TaskId ObjectPath DomainName ObjectType Status StartTime EndTime PageNumber PageSize",
			"RequestId PageNumber PageSize TotalCount " + below("Tasks.Task", "TaskId ObjectPath ObjectType Process Status CreationTime Description"),
		},
		"DescribeVodRefreshQuota": {"", "RequestId UrlQuota UrlRemain DirQuota DirRemain PreloadQuota PreloadRemain BlockQuota blockRemain"},
		"SetMessageCallback":      {"CallbackType CallbackURL EventTypeList AuthSwitch AuthKey MnsEndpoint MnsQueueName AppId", "RequestId"},
		"GetMessageCallback": {
			"AppId",
			"RequestId " + below("MessageCallback", "AppId CallbackType CallbackURL EventTypeList AuthSwitch AuthKey MnsEndpoint MnsQueueName"),
		},
		"DeleteMessageCallback": {"AppId", "RequestId"},
		"GetPlayInfo": {
			"VideoId ReferenceId Formats Definition StreamType ResultType AuthTimeout OutputType ReAuthInfo PlayConfig CodecName DigitalWatermarkType",
			"RequestId " + below("VideoBase", "VideoId Title Status MediaType Duration CoverURL CreationTime") + " " + below("PlayInfoList.PlayInfo", playFields),
		},
		"GetVideoInfo":  {"VideoId ReferenceId", "RequestId " + below("Video", videoFields+" Snapshots.Snapshot")},
		"GetVideoInfos": {"VideoIds ReferenceIds", "RequestId NonExistVideoIds NonExistReferenceIds " + below("VideoList", videoFields+" Snapshots")},
		"SearchMedia": {
			"SearchType Fields Match SortBy PageNo PageSize ScrollToken",
			"RequestId Total ScrollToken " + below("MediaList", "MediaId MediaType CreationTime Video.VideoId Video.Title Video.Status"),
		},
		"RegisterMedia": {
			"RegisterMetadatas TemplateGroupId WorkflowId UserData",
			"RequestId FailedFileURLs " + below("RegisteredMediaList", "MediaId FileURL NewRegister"),
		},
		"DeleteVideo":  {"VideoIds ReferenceIds", "RequestId NonExistVideoIds ForbiddenVideoIds NonExistReferenceIds"},
		"DeleteStream": {"VideoId ReferenceId JobIds", "RequestId"},
		"AddVodDomain": {"DomainName Sources CheckUrl Scope TopLevelDomain", "RequestId"},
		"DescribeVodUserDomains": {
			"PageNumber PageSize DomainName DomainSearchType DomainStatus Tag.1.Key Tag.1.Value",
			"RequestId PageNumber PageSize TotalCount " + below("Domains.PageData", "DomainName Cname Description DomainStatus GmtCreated "+
				"GmtModified Sandbox SslProtocol Sources.Source.Content Sources.Source.Port Sources.Source.Priority Sources.Source.Type"),
		},
	}
}

func below(at, names string) string {
	out := strings.Fields(names)
	for i, n := range out {
		out[i] = at + "." + n
	}
	return strings.Join(out, " ")
}

// TestContract_4_TheTableSendsEveryParameterAndReadsEveryField holds that each
// parameter of an operation that the server has stands in a call that succeeds,
// and that each field of its answer is compared.
func TestContract_4_TheTableSendsEveryParameterAndReadsEveryField(t *testing.T) {
	t.Parallel()
	index := regexp.MustCompile(`\[\d+\]|\.#`)
	sent, read := map[string][]string{}, map[string][]string{}
	for _, r := range table() {
		if r.fault != nil {
			continue
		}
		for name := range r.params {
			sent[r.action] = append(sent[r.action], name)
		}
		for path := range r.want {
			read[r.action] = append(read[r.action], index.ReplaceAllString(path, ""))
		}
	}
	all := contract()
	for _, action := range built(t, server(t).Addr(), contractOperations()) {
		for name := range strings.FieldsSeq(all[action].params) {
			if !slices.Contains(sent[action], name) {
				t.Errorf("%s: no good call sends %s", action, name)
			}
		}
		for path := range strings.FieldsSeq(all[action].fields) {
			if !slices.Contains(read[action], path) {
				t.Errorf("%s: no call compares %s", action, path)
			}
		}
	}
}
