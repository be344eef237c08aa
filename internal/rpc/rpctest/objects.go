package rpctest

import (
	"strings"
	"testing"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/vod"
)

// Objects say which URLs the server of [RunObjects] has.
type Objects struct {
	Files     []string // that exist at the origin, of one domain
	Directory string   // that they are in, with a slash at its end
}

// RunObjects runs the operations by URL with each SDK.
func RunObjects(t *testing.T, endpoint, keyID, secret string, o Objects) {
	t.Helper()
	access := access{endpoint: endpoint, keyID: keyID, secret: secret}
	for _, sdk := range []objectKit{
		oldSDK{access: access, format: "JSON"},
		oldSDK{access: access, format: "XML"},
		newSDK{access: access},
		newSDK{access: access, v1: true},
	} {
		t.Run(sdk.name(), func(t *testing.T) {
			s := suite{sdk: sdk, access: access}
			files := strings.Join(o.Files, "\n")
			ids, fail := sdk.preloadObjects(map[string]string{"ObjectPath": files})
			s.settled(t, "preload", ids, fail, "preload", o.Files)
			ids, fail = sdk.refreshObjects(map[string]string{"ObjectPath": strings.ReplaceAll(files, "http://", "")})
			s.settled(t, "files", ids, fail, "file", o.Files)
			for _, force := range []string{"", "true"} {
				ids, fail = sdk.refreshObjects(map[string]string{"ObjectPath": o.Directory, "ObjectType": "Directory", "Force": force})
				s.settled(t, "directory, force "+force, ids, fail, "directory", []string{o.Directory})
			}
			_, fail = sdk.refreshObjects(nil)
			s.check(t, "no ObjectPath", fail, 400, "MissingParameter", "ObjectPath")
			_, fail = sdk.refreshObjects(map[string]string{"ObjectPath": "elsewhere.example.net/a"})
			s.check(t, "a foreign host", fail, 404, "InvalidDomain.NotFound", "The domain provided does not belong to you.")
			_, fail = sdk.preloadObjects(map[string]string{"ObjectPath": o.Directory})
			s.check(t, "a directory to prefetch", fail, 400, "InvalidObjectPath.Malformed", "The specific value of parameter ObjectPath is malformed.")
		})
	}
}

// objectKit is an SDK with the operations by URL. They return task IDs.
type objectKit interface {
	kit
	refreshObjects(params map[string]string) (string, *Failure)
	preloadObjects(params map[string]string) (string, *Failure)
}

// settled follows the tasks of a call until they are Complete: one ID that
// stands for all of its objects.
func (s suite) settled(t *testing.T, what, ids string, fail *Failure, kind string, want []string) {
	t.Helper()
	if fail != nil {
		t.Fatalf("%s: %+v", what, *fail)
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var found Tasks
	for end := time.Now().Add(patience); time.Now().Before(end); <-tick.C {
		if found, fail = s.sdk.tasks(map[string]string{"TaskId": ids, "ObjectType": kind}); fail != nil {
			t.Fatalf("%s: %+v", what, *fail)
		}
		if found.TotalCount != int64(len(want)) || len(found.Tasks.Task) != len(want) {
			t.Fatalf("%s: task %s has %d elements, want %d: %+v", what, ids, found.TotalCount, len(want), found)
		}
		complete := 0
		for i, x := range found.Tasks.Task {
			if x.TaskID != ids || x.ObjectType != kind || x.ObjectPath != want[len(want)-1-i] { // newest first
				t.Fatalf("%s: element %+v", what, x)
			}
			if x.Status == "Complete" && x.Process == "100%" {
				complete++
			}
		}
		if complete == len(want) {
			return
		}
	}
	t.Errorf("%s: never Complete: %+v", what, found)
}

func (n newSDK) refreshObjects(p map[string]string) (string, *Failure) {
	var a struct {
		ID string `json:"RefreshTaskId"`
	}
	fail := n.call("RefreshVodObjectCaches", "POST", p, &a)
	return a.ID, fail
}

func (n newSDK) preloadObjects(p map[string]string) (string, *Failure) {
	var a struct {
		ID string `json:"PreloadTaskId"`
	}
	fail := n.call("PreloadVodObjectCaches", "POST", p, &a)
	return a.ID, fail
}

func (o oldSDK) refreshObjects(p map[string]string) (string, *Failure) {
	r := vod.CreateRefreshVodObjectCachesRequest()
	o.aim(r.RpcRequest)
	r.ObjectPath, r.ObjectType, r.Force = p["ObjectPath"], p["ObjectType"], requests.Boolean(p["Force"])
	a, err := o.client().RefreshVodObjectCaches(r)
	if err != nil {
		return "", oldFailure(err)
	}
	return a.RefreshTaskId, nil
}

func (o oldSDK) preloadObjects(p map[string]string) (string, *Failure) {
	r := vod.CreatePreloadVodObjectCachesRequest()
	o.aim(r.RpcRequest)
	r.ObjectPath, r.Area, r.L2Preload, r.WithHeader = p["ObjectPath"], p["Area"], requests.Boolean(p["L2Preload"]), p["WithHeader"]
	a, err := o.client().PreloadVodObjectCaches(r)
	if err != nil {
		return "", oldFailure(err)
	}
	return a.PreloadTaskId, nil
}
