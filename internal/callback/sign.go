package callback

import (
	"crypto/hmac"
	"crypto/md5" //nolint:gosec // the vendor's signature is made of it (contract §5.3)
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"
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

// SecretPrefix begins the text of a webhook's secret; its bytes follow in
// base64.
const SecretPrefix = "whsec_"

// secretBytes returns the bytes of a secret.
func secretBytes(text string) ([]byte, error) {
	encoded, ok := strings.CutPrefix(text, SecretPrefix)
	if !ok {
		return nil, errors.New("the secret of a webhook does not begin with " + SecretPrefix)
	}
	b, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(b) == 0 {
		return nil, errors.New("the secret of a webhook is not in base64")
	}
	return b, nil
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
func signWebhook(h http.Header, c *store.Callback, body []byte, w store.Webhook, now time.Time) error {
	id, timestamp := "msg_"+c.ID, strconv.FormatInt(now.Unix(), 10)
	secret, err := secretBytes(w.Secret)
	if err != nil {
		return err
	}
	signature := WebhookSignature(id, timestamp, body, secret)
	if w.Previous != "" && now.Before(w.PreviousEnds) {
		previous, err := secretBytes(w.Previous)
		if err != nil {
			return err
		}
		signature += " " + WebhookSignature(id, timestamp, body, previous)
	}
	h.Set("Webhook-Id", id)
	h.Set("Webhook-Timestamp", timestamp)
	h.Set("Webhook-Signature", signature)
	return nil
}
