package rpctest

import (
	"encoding/json"
	"errors"
	"regexp"

	openapi "github.com/alibabacloud-go/darabonba-openapi/v2/client"
	"github.com/alibabacloud-go/tea/dara"
	"github.com/alibabacloud-go/tea/tea"
)

// newSDK is the generic call that every generated client of the newer SDK
// makes: signature V3, or V1 if it is told so.
type newSDK struct {
	access
	v1   bool
	form bool // the parameters travel in the body
}

func (n newSDK) name() string {
	switch {
	case n.v1:
		return "new SDK, V1"
	case n.form:
		return "new SDK, V3, form"
	}
	return "new SDK, V3"
}

// Name implements [Client].
func (n newSDK) Name() string { return n.name() }

// As implements [Client].
func (n newSDK) As(c Credentials) Client { n.access = n.as(c); return n }

// Decodes implements [Client].
func (n newSDK) Decodes() bool { return true }

// Has implements [Client]: the generic call takes any name.
func (n newSDK) Has(string) bool { return true }

// Sees implements [Client]: the generic call returns whatever came.
func (n newSDK) Sees(_, _ string) bool { return true }

// Call implements [Client], with the method that the generated client uses
// (contract §1.1).
func (n newSDK) Call(action string, params map[string]string) (Answer, *Failure) {
	method := "POST"
	if action == "GetMediaRefreshJobs" && !n.form {
		method = "GET"
	}
	var body map[string]any
	if fail := n.call(action, method, params, &body); fail != nil {
		return nil, fail
	}
	a, err := decoded(body)
	if err != nil {
		return nil, &Failure{Message: "decoding: " + err.Error()}
	}
	return a, nil
}

func (n newSDK) with(a access) kit { n.access = a; return n }

// call makes a call and decodes its body into answer.
func (n newSDK) call(action, method string, p map[string]string, answer any) *Failure {
	config := &openapi.Config{
		AccessKeyId: new(n.keyID), AccessKeySecret: new(n.secret),
		Endpoint: new(n.endpoint), Protocol: new("http"), RegionId: new("cn-shanghai"),
	}
	if n.v1 {
		config.SignatureAlgorithm = new("v2")
	}
	switch {
	case n.bearer != "":
		config.AccessKeyId, config.AccessKeySecret, config.BearerToken = nil, nil, new(n.bearer)
	case n.token != "":
		config.SecurityToken = new(n.token)
	}
	c, err := openapi.NewClient(config)
	if err != nil {
		return &Failure{Message: err.Error()}
	}
	query := make(map[string]*string, len(p))
	for k, v := range p {
		query[k] = new(v)
	}
	request := &openapi.OpenApiRequest{Query: query}
	if n.form {
		form := make(map[string]any, len(p))
		for k, v := range p {
			form[k] = v
		}
		request = &openapi.OpenApiRequest{Body: form}
	}
	result, err := c.CallApi(&openapi.Params{
		Action: new(action), Version: new("2017-03-21"), Protocol: new("HTTPS"), Pathname: new("/"),
		Method: new(method), AuthType: new("AK"), Style: new("RPC"),
		ReqBodyType: new("formData"), BodyType: new("json"),
	}, request, &dara.RuntimeOptions{})
	if err != nil {
		return newFailure(err)
	}
	b, err := json.Marshal(result["body"])
	if err == nil {
		err = json.Unmarshal(b, answer)
	}
	if err != nil {
		return &Failure{Message: "decoding: " + err.Error()}
	}
	return nil
}

func (n newSDK) refresh(p map[string]string) (Refresh, *Failure) {
	var a Refresh
	fail := n.call("RefreshMediaPlayUrls", "POST", p, &a)
	return a, fail
}

func (n newSDK) jobs(p map[string]string) (Jobs, *Failure) {
	var a Jobs
	fail := n.call("GetMediaRefreshJobs", "GET", p, &a)
	return a, fail
}

func (n newSDK) tasks(p map[string]string) (Tasks, *Failure) {
	var a Tasks
	fail := n.call("DescribeVodRefreshTasks", "POST", p, &a)
	return a, fail
}

// answered is what the SDK's several error types have in common.
type answered interface {
	error
	GetCode() *string
	GetStatusCode() *int
	GetMessage() *string
}

// newFailure reads an error of the SDK. The request ID stands in its message
// only: "code: 400, <message> request id: <id>".
func newFailure(err error) *Failure {
	f := &Failure{Message: err.Error()}
	if e, ok := errors.AsType[*tea.SDKError](err); ok {
		f.Code, f.Status, f.Message = tea.StringValue(e.Code), tea.IntValue(e.StatusCode), tea.StringValue(e.Message)
	} else if e, ok := errors.AsType[answered](err); ok {
		f.Code, f.Status, f.Message = tea.StringValue(e.GetCode()), tea.IntValue(e.GetStatusCode()), tea.StringValue(e.GetMessage())
	}
	if m := regexp.MustCompile(`request id: (\S+)`).FindStringSubmatch(f.Message); m != nil {
		f.RequestID = m[1]
	}
	return f
}
