package edge

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// headerPeer proves that a request comes from another POP:
// "<pop>;<unix seconds>;<hex of HMAC-SHA256>".
const headerPeer = "Freshet-Peer"

// peerWindow bounds how far the clocks of two POPs may differ, and with it how
// long a captured header could be used again. What it would yield is one
// position of the log: no secret, but none of a viewer's business.
const peerWindow = 60 * time.Second

// peerTarget names what a proof is for, so that it is worth nothing elsewhere.
func peerTarget(method, host, uri string) string { return method + "|" + host + "|" + uri }

func peerMAC(key []byte, pop, unix, target string) []byte {
	m := hmac.New(sha256.New, key)
	_, _ = m.Write([]byte(pop + "|" + unix + "|" + target))
	return m.Sum(nil)
}

// signPeer makes the value of the header.
func signPeer(key []byte, pop string, now time.Time, target string) string {
	unix := strconv.FormatInt(now.Unix(), 10)
	return pop + ";" + unix + ";" + hex.EncodeToString(peerMAC(key, pop, unix, target))
}

// verifyPeer reports whether value proves that its sender holds the key. An
// empty key proves nothing.
func verifyPeer(key []byte, value string, now time.Time, target string) bool {
	if len(key) == 0 || len(value) > 512 {
		return false
	}
	pop, rest, ok := strings.Cut(value, ";")
	unix, mac, ok2 := strings.Cut(rest, ";")
	if !ok || !ok2 || pop == "" {
		return false
	}
	seconds, err := strconv.ParseInt(unix, 10, 64)
	if err != nil || seconds < 0 || seconds > 1<<40 {
		return false
	}
	if d := now.Sub(time.Unix(seconds, 0)); d > peerWindow || d < -peerWindow {
		return false
	}
	sum, err := hex.DecodeString(mac)
	return err == nil && hmac.Equal(sum, peerMAC(key, pop, unix, target))
}
