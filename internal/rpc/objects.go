package rpc

import (
	"context"
	"strconv"
	"strings"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/policy"
)

// The object types of RefreshVodObjectCaches (contract §4.3).
const (
	objectFile         = "File"
	objectDirectory    = "Directory"
	objectRegex        = "Regex"
	objectIgnoreParams = "IgnoreParams"
)

// How many objects one call may name (contract §3.3, §6.1).
const (
	maxFiles          = freshet.MaxDirectPerJob
	maxDirectories    = 100
	maxPatterns       = 20
	defaultMaxPreload = 100
)

// How many objects of one domain and second share a task ID (contract §4.3,
// §4.4).
const (
	mergeFiles    = 2000
	mergePreloads = 500
)

// objectOperations are about URLs (contract §4.3, §4.4).
func (s *server) objectOperations() operations {
	return operations{
		"RefreshVodObjectCaches": {write: true, perResource: true, run: s.refreshVodObjectCaches},
		"PreloadVodObjectCaches": {write: true, perResource: true, run: s.preloadVodObjectCaches},
	}
}

type objectRefreshAnswer struct {
	TaskID    string `json:"RefreshTaskId" xml:"RefreshTaskId"`
	RequestID string `json:"RequestId" xml:"RequestId"`
}

type objectPreloadAnswer struct {
	TaskID    string `json:"PreloadTaskId" xml:"PreloadTaskId"`
	RequestID string `json:"RequestId" xml:"RequestId"`
}

// objects is what a call names: valid, canonical, each once.
type objects struct {
	task   freshet.TaskType
	kind   string // object type, as DescribeVodRefreshTasks shows it
	list   []namedObject
	direct freshet.Direct
}

// namedObject is one line of ObjectPath.
type namedObject struct {
	url    string // canonical
	domain string // name of its domain
}

// refreshVodObjectCaches purges URLs, directories, and what patterns mean
// (contract §4.3). Without Force, more may be fetched anew than was asked for.
func (s *server) refreshVodObjectCaches(ctx context.Context, c *call) (any, error) {
	o, err := s.readRefresh(ctx, c)
	if err != nil {
		return nil, err
	}
	ids, err := s.submitObjects(ctx, c, o)
	if err != nil {
		return nil, err
	}
	return objectRefreshAnswer{TaskID: ids, RequestID: c.requestID}, nil
}

// refreshKind is what an ObjectType of RefreshVodObjectCaches means.
type refreshKind struct {
	name  string // as DescribeVodRefreshTasks shows it
	most  int    // lines of one call
	merge int    // objects that may share a task ID
	rule  objectRule
}

// refreshKinds are those that exist, by their names.
func refreshKinds() map[string]refreshKind {
	return map[string]refreshKind{
		objectFile:         {name: "file", most: maxFiles, merge: mergeFiles, rule: fileRule},
		objectDirectory:    {name: "directory", most: maxDirectories, merge: 1, rule: directoryRule},
		objectRegex:        {name: freshet.TypeRegex, most: maxPatterns, merge: 1},
		objectIgnoreParams: {name: freshet.TypeIgnoreParams, most: maxDirectories, merge: 1, rule: bareRule},
	}
}

// readRefresh reads and checks the parameters in the order of contract §4.3's
// table.
func (s *server) readRefresh(ctx context.Context, c *call) (objects, error) {
	most, _ := s.perCall(c)
	lines, err := objectLines(c, most)
	if err != nil {
		return objects{}, err
	}
	name, ok := freshet.ParseOne(orElse(c.text("ObjectType"), objectFile), []string{objectFile, objectDirectory, objectRegex, objectIgnoreParams})
	if !ok {
		return objects{}, &fault{kind: objectTypeUnsupported}
	}
	kind := refreshKinds()[name]
	if len(lines) > kind.most {
		return objects{}, tooManyObjects(kind.most)
	}
	force, err := c.boolean("Force")
	if err != nil {
		return objects{}, err
	}
	o := objects{task: freshet.Purge, kind: kind.name}
	o.direct.Soft = !force && name != objectFile // a file is always fetched anew
	if name == objectRegex {
		o.direct.Patterns, o.list, err = s.locatePatterns(ctx, c, lines)
	} else {
		o.list, err = s.locate(ctx, c, lines, kind.rule)
	}
	switch name {
	case objectFile:
		o.direct.URLs = urlsOf(o.list)
	case objectDirectory:
		o.direct.Prefixes = urlsOf(o.list)
	case objectIgnoreParams:
		o.direct.Bare = urlsOf(o.list)
	}
	o.direct.Groups = groupsOf(o.list, kind.merge)
	return o, err
}

// preloadVodObjectCaches prefetches URLs (contract §4.4).
func (s *server) preloadVodObjectCaches(ctx context.Context, c *call) (any, error) {
	o, err := s.readPreload(ctx, c)
	if err != nil {
		return nil, err
	}
	ids, err := s.submitObjects(ctx, c, o)
	if err != nil {
		return nil, err
	}
	return objectPreloadAnswer{TaskID: ids, RequestID: c.requestID}, nil
}

// readPreload reads and checks the parameters in the order of contract §4.4's
// table.
func (s *server) readPreload(ctx context.Context, c *call) (objects, error) {
	_, most := s.perCall(c)
	lines, err := objectLines(c, most)
	if err != nil {
		return objects{}, err
	}
	o := objects{task: freshet.Prefetch, kind: "preload"}
	if o.direct.Area, err = enum(c, "Area", freshet.Scopes()...); err != nil {
		return o, err
	}
	if o.direct.ParentsOnly, err = c.boolean("L2Preload"); err != nil {
		return o, err
	}
	if o.direct.Headers, err = readHeader(c); err != nil {
		return o, err
	}
	if o.list, err = s.locate(ctx, c, lines, preloadRule); err != nil {
		return o, err
	}
	o.direct.URLs = urlsOf(o.list)
	o.direct.Groups = groupsOf(o.list, mergePreloads)
	return o, nil
}

// submitObjects accepts a call by URL, all of it or nothing, and returns the
// IDs of its tasks as the answer lists them. Every call by URL goes through
// it.
func (s *server) submitObjects(ctx context.Context, c *call, o objects) (string, error) {
	for _, one := range o.list {
		if !c.may(policy.Domain(one.domain)) {
			return "", refused()
		}
	}
	receipt, err := s.Engine.Submit(ctx, freshet.Submission{
		Account: c.identity.Account, Type: o.task, Direct: &o.direct,
		Nonce: c.identity.Nonce, NonceExpires: c.identity.NonceExpires,
	})
	if err != nil {
		return "", err
	}
	// It is accepted, come what may; whoever asks for the tasks at once should
	// find them.
	_, _ = s.Engine.WaitPlanned(ctx, c.identity.Account, receipt.JobID, "", s.WaitPlanned)
	ids := make([]string, len(receipt.Tasks))
	for i, id := range receipt.Tasks {
		ids[i] = strconv.FormatUint(id, 10)
	}
	return strings.Join(ids, ","), nil
}

// groupsOf says which objects may share a task ID: those of one domain, up to
// most of them; with 1, none.
func groupsOf(list []namedObject, most int) []freshet.TaskGroup {
	var out []freshet.TaskGroup
	at := map[string]int{}
	for _, o := range list {
		i, ok := at[o.domain]
		if !ok || most == 1 {
			at[o.domain] = len(out)
			out = append(out, freshet.TaskGroup{Domain: o.domain, Count: 1, Most: most})
			continue
		}
		out[i].Count++
	}
	return out
}

func urlsOf(list []namedObject) []string {
	out := make([]string, len(list))
	for i, o := range list {
		out[i] = o.url
	}
	return out
}

func orElse(s, def string) string {
	if s == "" {
		return def
	}
	return s
}
