package callback

import (
	"crypto/hmac"
	"crypto/md5" //nolint:gosec // the vendor's signature is made of it (contract §5.3)
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"
	"time"

	"github.com/freshet-vod/freshet/internal/store"
)

// VendorSignature is the value of X-VOD-SIGNATURE for a URL, as it was
// configured, and a time in Unix seconds (contract §5.3).
func VendorSignature(url, timestamp, key string) string {
	sum := md5.Sum([]byte(url + "|" + timestamp + "|" + key)) //nolint:gosec // see above
	return hex.EncodeToString(sum[:])
}

// signVendor sets the vendor's headers, if the rule asks for them.
func signVendor(h http.Header, url string, rule store.CallbackRule, now time.Time) {
	if !rule.Auth || rule.AuthKey == "" {
		return
	}
	timestamp := strconv.FormatInt(now.Unix(), 10)
	h.Set("X-VOD-TIMESTAMP", timestamp)
	h.Set("X-VOD-SIGNATURE", VendorSignature(url, timestamp, rule.AuthKey))
}

// WebhookSignature is one signature of the Standard Webhooks convention: that
// of a message's ID, time in Unix seconds and body, with the bytes of a secret.
func WebhookSignature(id, timestamp string, body, secret []byte) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// signWebhook sets the headers of the Standard Webhooks convention. While a
// secret is being replaced both sign, so that a receiver can change over at a
// moment of its own.
func signWebhook(h http.Header, c *store.Callback, body []byte, w store.Webhook, now time.Time) {
	id, timestamp := "msg_"+c.ID, strconv.FormatInt(now.Unix(), 10)
	signature := WebhookSignature(id, timestamp, body, w.Secret)
	if len(w.Previous) > 0 && now.Before(w.PreviousEnds) {
		signature += " " + WebhookSignature(id, timestamp, body, w.Previous)
	}
	h.Set("Webhook-Id", id)
	h.Set("Webhook-Timestamp", timestamp)
	h.Set("Webhook-Signature", signature)
}
