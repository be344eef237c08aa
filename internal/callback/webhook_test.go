package callback_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/freshet-vod/freshet/internal/callback"
	"github.com/freshet-vod/freshet/internal/store"
)

// whsec is a secret as it is stored.
func whsec(text string) string {
	return callback.SecretPrefix + base64.StdEncoding.EncodeToString([]byte(text))
}

// hooked makes an account with a webhook, and a job of it that ended.
func hooked(t *testing.T, url string, change ...func(*store.Webhook)) *world {
	t.Helper()
	w := newWorld(t)
	h := store.Webhook{Account: "acme", URL: url, Secret: whsec("the secret"), Created: time.Now(), Modified: time.Now()}
	for _, f := range change {
		f(&h)
	}
	if err := w.store.PutWebhook(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	job := w.planned(film())
	told, err := w.store.FinishJob(t.Context(), time.Now(), store.JobRef{Account: "acme", Job: job}, []byte(`{"type":"MediaRefreshFinished"}`))
	if err != nil || !told {
		t.Fatal(told, err)
	}
	return w
}

// standard verifies a message as the Standard Webhooks convention says, and
// tells by which of the secrets.
func standard(t *testing.T, c received, secrets ...string) []bool {
	t.Helper()
	id, timestamp := c.header.Get("Webhook-Id"), c.header.Get("Webhook-Timestamp")
	if !strings.HasPrefix(id, "msg_") || len(timestamp) != 10 {
		t.Errorf("ID %q, timestamp %q", id, timestamp)
	}
	found := make([]bool, len(secrets))
	for signature := range strings.SplitSeq(c.header.Get("Webhook-Signature"), " ") {
		version, sum, _ := strings.Cut(signature, ",")
		if version != "v1" {
			t.Errorf("version %q", version)
		}
		got, err := base64.StdEncoding.DecodeString(sum)
		if err != nil {
			t.Error(err)
		}
		for i, secret := range secrets {
			mac := hmac.New(sha256.New, []byte(secret))
			mac.Write([]byte(id + "." + timestamp + "." + c.body))
			found[i] = found[i] || hmac.Equal(mac.Sum(nil), got)
		}
	}
	return found
}

// TestWebhookSignature_TheConventionsOwnVector is the example of the Standard
// Webhooks documents and libraries.
func TestWebhookSignature_TheConventionsOwnVector(t *testing.T) {
	t.Parallel()
	secret, err := base64.StdEncoding.DecodeString("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	const want = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	if got := callback.WebhookSignature("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", []byte(`{"test": 2432232314}`), secret); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestWebhooksAreSignedAndTakenWithAny2xx(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, status(500, 204))
	w := hooked(t, r.URL+"/hook")
	w.run()
	c := w.ended("acme")[0]
	got := r.got()
	if c.State != store.CallbackDelivered || len(got) != 2 || got[0].path != "POST /hook" || got[0].body != `{"type":"MediaRefreshFinished"}` {
		t.Fatalf("%+v, received %+v", c, got)
	}
	for _, call := range got {
		if ok := standard(t, call, "the secret"); !ok[0] {
			t.Errorf("not signed: %v", call.header)
		}
		if call.header.Get("X-Vod-Signature") != "" {
			t.Error("signed as the vendor's events are")
		}
	}
	if got[0].header.Get("Webhook-Id") != got[1].header.Get("Webhook-Id") {
		t.Error("a second attempt has another ID")
	}
}

func TestBothSecretsSignWhileOneIsReplaced(t *testing.T) {
	t.Parallel()
	for name, ends := range map[string]time.Duration{"both": time.Hour, "one": -time.Second} {
		r := newReceiver(t, nil)
		w := hooked(t, r.URL, func(h *store.Webhook) { h.Previous, h.PreviousEnds = whsec("the old one"), time.Now().Add(ends) })
		w.run()
		w.ended("acme")
		ok := standard(t, r.got()[0], "the secret", "the old one", "another")
		if !ok[0] || ok[1] != (name == "both") || ok[2] {
			t.Errorf("%s: %v", name, ok)
		}
	}
}

func TestWebhooksAreRetriedWithGrowingPausesThenGivenUp(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, status(503))
	w := hooked(t, r.URL)
	w.run(func(o *callback.Options) {
		o.Pauses = []time.Duration{10 * time.Millisecond, 40 * time.Millisecond, 120 * time.Millisecond}
	})
	c := w.ended("acme")[0]
	got := r.got()
	if c.State != store.CallbackFailed || len(got) != 4 || c.Error != "The receiver answered with status 503." {
		t.Fatalf("%d calls, %+v", len(got), c)
	}
	for i, least := range []time.Duration{10 * time.Millisecond, 40 * time.Millisecond, 120 * time.Millisecond} {
		if pause := got[i+1].at.Sub(got[i].at); pause < least {
			t.Errorf("pause %d was %s, want %s", i, pause, least)
		}
	}
	// What was given up can be sent again.
	if err := w.store.RetryCallback(t.Context(), time.Now(), "acme", c.ID); err != nil {
		t.Fatal(err)
	}
	w.until("not sent again", func() bool { return len(r.got()) > 4 })
}

func TestThePausesOfAWebhookMakeADay(t *testing.T) {
	t.Parallel()
	o := callback.Defaults()
	var sum, last time.Duration
	for _, p := range o.Pauses {
		if p < last {
			t.Errorf("%s after %s", p, last)
		}
		sum, last = sum+p, p
	}
	if sum < 23*time.Hour || sum > 25*time.Hour {
		t.Errorf("the pauses make %s", sum)
	}
	if o.Timeout != 5*time.Second || o.Pause != time.Second {
		t.Errorf("timeout %s, pause %s: contract §5.2 says 5 s and 1 s", o.Timeout, o.Pause)
	}
}

func TestADeletedWebhookIsNotCalled(t *testing.T) {
	t.Parallel()
	var w *world
	r := newReceiver(t, func(_ int, rw http.ResponseWriter, _ *http.Request) {
		if err := w.store.DeleteWebhook(t.Context(), time.Now(), "acme"); err != nil {
			t.Error(err)
		}
		rw.WriteHeader(http.StatusInternalServerError)
	})
	w = hooked(t, r.URL)
	w.run()
	if c := w.ended("acme")[0]; len(r.got()) != 1 || c.State != store.CallbackFailed {
		t.Errorf("%d calls, %+v", len(r.got()), c)
	}
}
