package rpctest

import (
	"errors"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth/credentials"
	sdkerrors "github.com/aliyun/alibaba-cloud-sdk-go/sdk/errors"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/vod"
)

// oldSDK is alibaba-cloud-sdk-go with its typed requests: signature V1.
type oldSDK struct {
	access
	format string
}

func (o oldSDK) name() string { return "old SDK, V1, " + o.format }

func (o oldSDK) with(a access) kit { o.access = a; return o }

// As implements [Client].
func (o oldSDK) As(c Credentials) Client { o.access = o.as(c); return o }

func (o oldSDK) client() *vod.Client {
	var credential auth.Credential = credentials.NewAccessKeyCredential(o.keyID, o.secret)
	switch {
	case o.bearer != "":
		credential = credentials.NewBearerTokenCredential(o.bearer)
	case o.token != "":
		credential = credentials.NewStsTokenCredential(o.keyID, o.secret, o.token)
	}
	c, err := vod.NewClientWithOptions("cn-shanghai", sdk.NewConfig(), credential)
	if err != nil {
		panic("rpctest: making a client of the old SDK: " + err.Error()) // no input of ours is in it
	}
	return c
}

func (o oldSDK) aim(r *requests.RpcRequest) {
	r.Domain, r.Scheme, r.AcceptFormat = o.endpoint, "http", o.format
}

func (o oldSDK) refresh(p map[string]string) (Refresh, *Failure) {
	r := vod.CreateRefreshMediaPlayUrlsRequest()
	o.aim(r.RpcRequest)
	r.MediaIds, r.TaskType, r.Formats, r.Definitions = p["MediaIds"], p["TaskType"], p["Formats"], p["Definitions"]
	r.StreamType, r.ResultType, r.UserData = p["StreamType"], p["ResultType"], p["UserData"]
	r.SliceFlag, r.SliceCount = requests.Boolean(p["SliceFlag"]), requests.Integer(p["SliceCount"])
	a, err := o.client().RefreshMediaPlayUrls(r)
	if err != nil {
		return Refresh{}, oldFailure(err)
	}
	return Refresh{
		RequestID: a.RequestId, MediaRefreshJobID: a.MediaRefreshJobId,
		NonExistMediaIDs: a.NonExistMediaIds, ForbiddenMediaIDs: a.ForbiddenMediaIds,
	}, nil
}

func (o oldSDK) jobs(p map[string]string) (Jobs, *Failure) {
	r := vod.CreateGetMediaRefreshJobsRequest()
	o.aim(r.RpcRequest)
	r.MediaRefreshJobId, r.MediaId = p["MediaRefreshJobId"], p["MediaId"]
	a, err := o.client().GetMediaRefreshJobs(r)
	if err != nil {
		return Jobs{}, oldFailure(err)
	}
	out := Jobs{RequestID: a.RequestId}
	for _, j := range a.MediaRefreshJobs {
		out.MediaRefreshJobs = append(out.MediaRefreshJobs, Job{
			MediaRefreshJobID: j.MediaRefreshJobId, MediaID: j.MediaId, TaskType: j.TaskType, FilterPolicy: j.FilterPolicy,
			Status: j.Status, SuccessPlayURLs: j.SuccessPlayUrls, TaskIDs: j.TaskIds, ErrorCode: j.ErrorCode,
			ErrorMessage: j.ErrorMessage, UserData: j.UserData, GmtCreate: j.GmtCreate, GmtModified: j.GmtModified,
		})
	}
	return out, nil
}

func (o oldSDK) tasks(p map[string]string) (Tasks, *Failure) {
	r := vod.CreateDescribeVodRefreshTasksRequest()
	o.aim(r.RpcRequest)
	r.TaskId, r.ObjectPath, r.DomainName, r.ObjectType = p["TaskId"], p["ObjectPath"], p["DomainName"], p["ObjectType"]
	r.Status, r.StartTime, r.EndTime = p["Status"], p["StartTime"], p["EndTime"]
	r.PageNumber, r.PageSize = requests.Integer(p["PageNumber"]), requests.Integer(p["PageSize"])
	a, err := o.client().DescribeVodRefreshTasks(r)
	if err != nil {
		return Tasks{}, oldFailure(err)
	}
	out := Tasks{RequestID: a.RequestId, PageNumber: a.PageNumber, PageSize: a.PageSize, TotalCount: a.TotalCount}
	for _, x := range a.Tasks.Task {
		out.Tasks.Task = append(out.Tasks.Task, Task{
			TaskID: x.TaskId, ObjectPath: x.ObjectPath, ObjectType: x.ObjectType, Process: x.Process,
			Status: x.Status, CreationTime: x.CreationTime, Description: x.Description,
		})
	}
	return out, nil
}

func oldFailure(err error) *Failure {
	e, ok := errors.AsType[*sdkerrors.ServerError](err)
	if !ok {
		return &Failure{Message: err.Error()}
	}
	return &Failure{Status: e.HttpStatus(), Code: e.ErrorCode(), Message: e.Message(), RequestID: e.RequestId(), Comment: e.Recommend()}
}
