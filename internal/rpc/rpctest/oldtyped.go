package rpctest

import (
	"fmt"
	"reflect"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/vod"
)

// oldRequests makes the typed requests of the old SDK.
func oldRequests() map[string]func() requests.AcsRequest {
	return map[string]func() requests.AcsRequest{
		"RefreshMediaPlayUrls":    func() requests.AcsRequest { return vod.CreateRefreshMediaPlayUrlsRequest() },
		"GetMediaRefreshJobs":     func() requests.AcsRequest { return vod.CreateGetMediaRefreshJobsRequest() },
		"RefreshVodObjectCaches":  func() requests.AcsRequest { return vod.CreateRefreshVodObjectCachesRequest() },
		"PreloadVodObjectCaches":  func() requests.AcsRequest { return vod.CreatePreloadVodObjectCachesRequest() },
		"DescribeVodRefreshTasks": func() requests.AcsRequest { return vod.CreateDescribeVodRefreshTasksRequest() },
		"DescribeVodRefreshQuota": func() requests.AcsRequest { return vod.CreateDescribeVodRefreshQuotaRequest() },
		"SetMessageCallback":      func() requests.AcsRequest { return vod.CreateSetMessageCallbackRequest() },
		"GetMessageCallback":      func() requests.AcsRequest { return vod.CreateGetMessageCallbackRequest() },
		"DeleteMessageCallback":   func() requests.AcsRequest { return vod.CreateDeleteMessageCallbackRequest() },
		"GetPlayInfo":             func() requests.AcsRequest { return vod.CreateGetPlayInfoRequest() },
		"GetVideoInfo":            func() requests.AcsRequest { return vod.CreateGetVideoInfoRequest() },
		"GetVideoInfos":           func() requests.AcsRequest { return vod.CreateGetVideoInfosRequest() },
		"SearchMedia":             func() requests.AcsRequest { return vod.CreateSearchMediaRequest() },
		"RegisterMedia":           func() requests.AcsRequest { return vod.CreateRegisterMediaRequest() },
		"DeleteVideo":             func() requests.AcsRequest { return vod.CreateDeleteVideoRequest() },
		"DeleteStream":            func() requests.AcsRequest { return vod.CreateDeleteStreamRequest() },
		"AddVodDomain":            func() requests.AcsRequest { return vod.CreateAddVodDomainRequest() },
		"DescribeVodUserDomains":  func() requests.AcsRequest { return vod.CreateDescribeVodUserDomainsRequest() },
		"BatchStartVodDomain":     func() requests.AcsRequest { return vod.CreateBatchStartVodDomainRequest() },
		"BatchStopVodDomain":      func() requests.AcsRequest { return vod.CreateBatchStopVodDomainRequest() },
	}
}

// Name implements [Client].
func (o oldSDK) Name() string { return o.name() }

// Decodes implements [Client]: the old SDK reads errors as JSON only, whatever
// it asked for.
func (o oldSDK) Decodes() bool { return o.format == "JSON" }

// Has implements [Client].
func (o oldSDK) Has(action string) bool {
	_, ok := oldRequests()[action]
	return ok
}

// Sees implements [Client].
func (o oldSDK) Sees(action, path string) bool {
	method := reflect.ValueOf(o.client()).MethodByName(action)
	return method.IsValid() && hasField(method.Type().Out(0), path)
}

// Call implements [Client]. A parameter that the SDK's request has no field for
// is added to its query, as a user of the SDK would do.
func (o oldSDK) Call(action string, params map[string]string) (Answer, *Failure) {
	request := oldRequests()[action]()
	fields := reflect.ValueOf(request).Elem()
	for name, value := range params {
		known := false
		for f, v := range fields.Fields() {
			if f.Tag.Get("name") == name && v.Kind() == reflect.String {
				v.SetString(value)
				known = true
			}
		}
		if !known {
			request.GetQueryParams()[name] = value
		}
	}
	rpc, ok := reflect.TypeAssert[*requests.RpcRequest](fields.FieldByName("RpcRequest"))
	if !ok {
		return nil, &Failure{Message: fmt.Sprintf("%T is no RPC request", request)}
	}
	o.aim(rpc)
	out := reflect.ValueOf(o.client()).MethodByName(action).Call([]reflect.Value{reflect.ValueOf(request)})
	if err, _ := reflect.TypeAssert[error](out[1]); err != nil {
		return nil, oldFailure(err)
	}
	a, err := decoded(out[0].Interface())
	if err != nil {
		return nil, &Failure{Message: "decoding: " + err.Error()}
	}
	return a, nil
}
