package rpctest

import (
	"strings"
	"testing"
)

// decodes tells whether an SDK can read errors in this mode: the old one reads
// them as JSON only, whatever it asked for.
func (s suite) decodes() bool { return !strings.HasSuffix(s.sdk.name(), "XML") }

func (s suite) check(t *testing.T, what string, fail *Failure, status int, code, message string) {
	t.Helper()
	switch {
	case fail == nil:
		t.Errorf("%s: no error", what)
	case fail.Status != status:
		t.Errorf("%s: status %d, want %d (%+v)", what, fail.Status, status, *fail)
	case !strings.Contains(fail.Message, message):
		t.Errorf("%s: message %q does not hold %q", what, fail.Message, message)
	case !s.decodes():
	case fail.Code != code || len(fail.RequestID) != 36:
		t.Errorf("%s: %+v, want %s", what, *fail, code)
	}
}

func (s suite) faults(t *testing.T) {
	media := s.fixtures.Media
	for _, c := range []struct {
		params map[string]string
		code   string
		name   string
	}{
		{map[string]string{"TaskType": "Refresh"}, "MissingParameter", "MediaIds"},
		{map[string]string{"MediaIds": media}, "MissingParameter", "TaskType"},
		{map[string]string{"MediaIds": media, "TaskType": "Purge"}, "InvalidParameter", "TaskType"},
		{map[string]string{"MediaIds": media, "TaskType": "Refresh", "Formats": "avi"}, "InvalidParameter", "Formats"},
		{map[string]string{"MediaIds": media, "TaskType": "Refresh", "Definitions": "FHD"}, "InvalidParameter", "Definitions"},
		{map[string]string{"MediaIds": media, "TaskType": "Refresh", "SliceFlag": "yes"}, "InvalidParameter", "SliceFlag"},
		{map[string]string{"MediaIds": media, "TaskType": "Refresh", "SliceCount": "21"}, "InvalidParameter", "SliceCount"},
		{map[string]string{"MediaIds": media, "TaskType": "Refresh", "UserData": "x"}, "InvalidParameter", "UserData"},
		{map[string]string{"MediaIds": "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21", "TaskType": "Refresh"}, "MediaIdsExceededMax", "MediaIds"},
	} {
		_, fail := s.sdk.refresh(c.params)
		s.check(t, c.code+" "+c.name, fail, 400, c.code, c.name)
	}
	_, fail := s.sdk.jobs(nil)
	s.check(t, "no job ID", fail, 400, "MissingParameter", "MediaRefreshJobId")
	_, fail = s.sdk.tasks(map[string]string{"TaskId": "abc"})
	s.check(t, "bad task ID", fail, 400, "InvalidTaskId.Malformed", "Specified TaskId is malformed.")
	_, fail = s.sdk.tasks(map[string]string{"Status": "Complete"})
	s.check(t, "no ObjectType", fail, 400, "MissingParameter", "ObjectType")
	_, fail = s.sdk.tasks(map[string]string{"PageSize": "51"})
	s.check(t, "a page too large", fail, 400, "InvalidParameter", "PageSize")
}

func (s suite) credentials(t *testing.T) {
	wrong := s.access
	wrong.secret += "x"
	_, fail := s.sdk.with(wrong).jobs(map[string]string{"MediaRefreshJobId": "0"})
	s.check(t, "a wrong secret", fail, 400, "SignatureDoesNotMatch", "server string to sign is:")
	// The old SDK compares the server's string with its own, and if they are
	// equal it blames the secret: the best hint that its user can get.
	if strings.HasPrefix(s.sdk.name(), "old") && s.decodes() && (fail == nil || !strings.Contains(fail.Comment, "InvalidAccessKeySecret")) {
		t.Errorf("the SDK does not blame the secret: %+v", fail)
	}
	nobody := s.access
	nobody.keyID = "nobody"
	_, fail = s.sdk.with(nobody).jobs(map[string]string{"MediaRefreshJobId": "0"})
	s.check(t, "an unknown key", fail, 404, "InvalidAccessKeyId.NotFound", "Specified access key is not found.")
}
