package api

import (
	"net/http"
	"strings"

	"github.com/freshet-vod/freshet"
)

// The bounds of a request's body.
const (
	maxBody   = 1 << 20  // of JSON: a job of 1,000 URLs with room
	maxUpload = 16 << 20 // of JSON Lines; longer files take several requests
	// maxUndeclared bounds a body that does not say its length: it is read
	// before it can be refused.
	maxUndeclared = 8 << 20
	// maxUploads bounds how many such bodies are in memory at once. They must
	// be, because a signature covers the whole body; so strangers could fill
	// the memory otherwise.
	maxUploads = 4
)

// route is one line of the table.
type route struct {
	pattern string
	handle  func(*call) error
	upload  bool     // takes a large body
	open    bool     // needs no authentication
	reads   bool     // changes nothing, though its method is that of those which do
	writes  bool     // changes something, and does not store the call's nonce itself
	frees   bool     // takes next to no room, or ends what takes some: answered on a full disk, too
	operate bool     // only the operator may
	lasting bool     // makes or widens what callers may do: not for temporary credentials, which it could outlast
	params  []string // the names of the query's parameters; others are refused
	// actions are what a caller's policy must allow: all of them in the whole
	// account, asked before the handler runs; or with perResource, those that
	// the handler asks call.may for, of each media or domain.
	actions     []string
	perResource bool
}

// routes is the whole API.
func (s *server) routes() []route {
	return []route{
		{pattern: "POST /v1/jobs", actions: []string{"freshet:Purge", "freshet:Prefetch"}, perResource: true, handle: s.submit},
		{pattern: "GET /v1/jobs", actions: []string{"freshet:ListJobs"}, handle: s.listJobs, params: []string{"before", "limit", "failed"}},
		{pattern: "GET /v1/jobs/{id}", actions: []string{"freshet:GetJob"}, handle: s.job},
		{pattern: "GET /v1/jobs/{id}/events", actions: []string{"freshet:GetJob"}, handle: s.jobEvents},
		{pattern: "GET /v1/jobs/{id}/tasks", actions: []string{"freshet:GetJob"}, handle: s.jobTasks, params: []string{"offset", "limit"}},
		{pattern: "GET /v1/tasks/{id}", actions: []string{"freshet:GetTask"}, handle: s.task},
		{pattern: "POST /v1/plan", actions: []string{"freshet:Plan"}, perResource: true, handle: s.plan, reads: true},
		{pattern: "POST /v1/takedowns", actions: []string{actionTakedown}, perResource: true, handle: s.takedown},
		{pattern: "POST /v1/takedowns/undo", actions: []string{actionReinstate}, perResource: true, handle: s.reinstate},
		{pattern: "DELETE /v1/takedowns/{id}", actions: []string{actionReinstate}, perResource: true, handle: s.reinstateOne},
		{pattern: "GET /v1/takedowns", actions: []string{"freshet:ListTakedowns"}, handle: s.listTakedowns, params: []string{"all"}},
		{pattern: "GET /v1/media", actions: []string{"freshet:ListMedia"}, handle: s.listMedia, params: []string{"after", "limit"}},
		{pattern: "POST /v1/media", actions: []string{"freshet:ImportMedia"}, handle: s.importMedia, upload: true, writes: true},
		{pattern: "GET /v1/media/{id}", actions: []string{"freshet:GetMedia"}, perResource: true, handle: s.showMedia},
		{pattern: "GET /v1/domains", actions: []string{"freshet:ListDomains"}, handle: s.listDomains, params: []string{"account", "status"}},
		{pattern: "POST /v1/domains", actions: []string{"freshet:PutDomain"}, perResource: true, handle: s.putDomain, writes: true},
		{pattern: "DELETE /v1/domains/{name}", actions: []string{"freshet:RemoveDomain"}, perResource: true, handle: s.removeDomain, writes: true, frees: true},
		{pattern: "POST /v1/domains/{name}/stop", actions: []string{"freshet:StopDomain"}, perResource: true, handle: s.stopDomain, writes: true, frees: true},
		{pattern: "POST /v1/domains/{name}/start", actions: []string{"freshet:StartDomain"}, perResource: true, handle: s.startDomain, writes: true},
		{pattern: "POST /v1/domains/{name}/approve", actions: []string{"freshet:ApproveDomain"}, handle: s.approveDomain, writes: true, operate: true},
		{pattern: "POST /v1/domains/{name}/auth", actions: []string{"freshet:SetDomainAuth"}, perResource: true, handle: s.setDomainAuth, writes: true},
		{pattern: "GET /v1/pops", actions: []string{"freshet:ListPOPs"}, handle: s.listPOPs},
		{pattern: "POST /v1/pops", actions: []string{"freshet:AddPOP"}, handle: s.addPOP, writes: true, operate: true},
		{pattern: "POST /v1/pops/{id}", actions: []string{"freshet:SetPOP"}, handle: s.setPOP, writes: true, frees: true, operate: true},
		{pattern: "DELETE /v1/pops/{id}", actions: []string{"freshet:RemovePOP"}, handle: s.removePOP, writes: true, frees: true, operate: true, params: []string{"cut_off"}},
		{pattern: "POST /v1/pops/{id}/revoke", actions: []string{"freshet:RevokePOP"}, handle: s.revokePOP, writes: true, frees: true, operate: true},
		{pattern: "GET /v1/accounts", actions: []string{"freshet:ListAccounts"}, handle: s.listAccounts, operate: true},
		{pattern: "POST /v1/accounts", actions: []string{"freshet:CreateAccount"}, handle: s.createAccount, writes: true, lasting: true, operate: true},
		{pattern: "POST /v1/accounts/{id}", actions: []string{"freshet:SetAccount"}, handle: s.setAccount, writes: true, frees: true, lasting: true, operate: true},
		{pattern: "GET /v1/keys", actions: []string{"freshet:ListKeys"}, handle: s.listKeys, params: []string{"account"}},
		{pattern: "GET /v1/evidence", actions: []string{"freshet:ExportEvidence"}, handle: s.exportEvidence, params: []string{"account", "media", "pop", "since", "until"}},
		{pattern: "POST /v1/keys", actions: []string{"freshet:CreateKey"}, handle: s.createKey, writes: true, lasting: true},
		{pattern: "GET /v1/callbacks", actions: []string{"freshet:ListCallbacks"}, handle: s.listCallbacks, params: []string{"failed", "before", "limit"}},
		{pattern: "POST /v1/callbacks/{id}/retry", actions: []string{"freshet:RetryCallback"}, handle: s.retryCallback, writes: true},
		{pattern: "GET /v1/webhook", actions: []string{"freshet:GetWebhook"}, handle: s.showWebhook},
		{pattern: "POST /v1/webhook", actions: []string{"freshet:SetWebhook"}, handle: s.putWebhook, writes: true, lasting: true},
		{pattern: "DELETE /v1/webhook", actions: []string{"freshet:SetWebhook"}, handle: s.deleteWebhook, writes: true, frees: true, lasting: true},
		{pattern: "POST /v1/webhook/rotate", actions: []string{"freshet:SetWebhook"}, handle: s.rotateWebhook, writes: true, lasting: true},
		{pattern: "GET /v1/audit", actions: []string{"freshet:GetAudit"}, handle: s.listAudit, params: []string{
			"account", "action", "failed", "since", "oldest_first", "after", "before", "limit",
		}},
		{pattern: "POST /v1/keys/{id}", actions: []string{"freshet:SetKey"}, handle: s.setKey, writes: true, frees: true, lasting: true},
		{pattern: "DELETE /v1/keys/{id}", actions: []string{"freshet:DeleteKey"}, handle: s.deleteKey, writes: true, frees: true, lasting: true},
		{pattern: "GET /v1/keys/{id}/policy", actions: []string{"freshet:GetKeyPolicy"}, handle: s.keyPolicy},
		{pattern: "POST /v1/keys/{id}/policy", actions: []string{"freshet:SetKeyPolicy"}, handle: s.setKeyPolicy, writes: true, frees: true, lasting: true},
		{pattern: "POST /v1/keys/{id}/tokens", actions: []string{"freshet:IssueToken"}, handle: s.issueToken, writes: true, lasting: true},
		{pattern: "DELETE /v1/keys/{id}/policy", actions: []string{"freshet:SetKeyPolicy"}, handle: s.removeKeyPolicy, writes: true, frees: true, lasting: true},
	}
}

// noRoute answers what no line of the table matches, in the same form as
// every other fault.
func (s *server) noRoute(c *call) error {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodDelete} {
		probe := &http.Request{Method: method, URL: c.r.URL, Host: c.r.Host}
		if _, pattern := s.mux.Handler(probe); pattern != "/v1/" && pattern != "/v1" && pattern != "" {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) == 0 {
		return freshet.Errorf(freshet.CodeNotFound, "There is nothing at this path.")
	}
	c.w.Header().Set("Allow", strings.Join(allowed, ", "))
	return freshet.Errorf(freshet.CodeInvalid, "This path takes %s only.", strings.Join(allowed, " and ")).Of(freshet.KindMethod)
}
