package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// mark begins every sealed text. What does not begin with it was stored before
// there was sealing.
const mark = "sealed1."

// The layout of what follows the mark, before base64url: which master key, the
// salt, the ciphertext with its tag.
const (
	nameSize = 4
	saltSize = 32
	tagSize  = 16
)

// The faults of Open. Neither tells anything of the secret.
var (
	// ErrKey is a value that was sealed with a key that the box does not have.
	ErrKey = errors.New("sealed with a key that is not at hand")
	// ErrBroken is a value that is damaged, or that belongs somewhere else.
	ErrBroken = errors.New("the sealed value is damaged, or belongs somewhere else")
)

// Box seals with its first key and opens with all of them. It is safe for use
// by many goroutines.
type Box struct {
	keys []master
}

// master is a master key and its name, which says nothing of the key.
type master struct {
	key  []byte
	name [nameSize]byte
}

// New makes a box of master keys of [KeySize] bytes; the first one seals.
func New(keys ...[]byte) (*Box, error) {
	if len(keys) == 0 {
		return nil, errors.New("seal: no key")
	}
	b := &Box{}
	for _, k := range keys {
		if len(k) != KeySize {
			return nil, fmt.Errorf("seal: a key of %d bytes, not %d", len(k), KeySize)
		}
		b.keys = append(b.keys, master{key: k, name: nameOf(k)})
	}
	return b, nil
}

func nameOf(key []byte) (name [nameSize]byte) {
	sum := sha256.Sum256(append([]byte("freshet seal key name\x00"), key...))
	copy(name[:], sum[:])
	return name
}

// Names returns the names of the keys, the sealing one first, as messages and
// sealed values show them.
func (b *Box) Names() []string {
	names := make([]string, len(b.keys))
	for i := range b.keys {
		names[i] = hex.EncodeToString(b.keys[i].name[:])
	}
	return names
}

// Seal encrypts a value for one place. The context names the place, such as
// "access_key/secret/ID"; the same one is needed to open it.
func (b *Box) Seal(context, plain string) string {
	k := &b.keys[0]
	raw := make([]byte, nameSize+saltSize, nameSize+saltSize+len(plain)+tagSize)
	copy(raw, k.name[:])
	_, _ = rand.Read(raw[nameSize:]) // never fails
	aead, nonce := k.cipher(raw[nameSize : nameSize+saltSize])
	raw = aead.Seal(raw, nonce, []byte(plain), []byte(context))
	return mark + base64.RawURLEncoding.EncodeToString(raw)
}

// Open decrypts a sealed value of a place. The error is [ErrKey], with the
// key's name, or [ErrBroken].
func (b *Box) Open(context, sealed string) (string, error) {
	raw, ok := decode(sealed)
	if !ok {
		return "", ErrBroken
	}
	var tried bool
	for i := range b.keys {
		k := &b.keys[i]
		if k.name != [nameSize]byte(raw) {
			continue
		}
		tried = true
		aead, nonce := k.cipher(raw[nameSize : nameSize+saltSize])
		if plain, err := aead.Open(nil, nonce, raw[nameSize+saltSize:], []byte(context)); err == nil {
			return string(plain), nil
		}
	}
	if !tried {
		return "", fmt.Errorf("%w (%x)", ErrKey, raw[:nameSize])
	}
	return "", ErrBroken
}

// Sealed reports whether a text looks like a sealed value.
func Sealed(text string) bool { return strings.HasPrefix(text, mark) }

// Current reports whether a value is sealed with the key that seals now.
func (b *Box) Current(sealed string) bool {
	raw, ok := decode(sealed)
	return ok && b.keys[0].name == [nameSize]byte(raw)
}

func decode(sealed string) ([]byte, bool) {
	text, ok := strings.CutPrefix(sealed, mark)
	if !ok {
		return nil, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return raw, err == nil && len(raw) >= nameSize+saltSize+tagSize
}

// cipher derives the key and nonce of one value. The salt is never used twice,
// so neither is the pair.
func (k *master) cipher(salt []byte) (cipher.AEAD, []byte) {
	derived, err := hkdf.Key(sha256.New, k.key, salt, "freshet seal 1", KeySize+12)
	if err != nil {
		panic("seal: deriving a key: " + err.Error()) // only for lengths that are not used here
	}
	block, err := aes.NewCipher(derived[:KeySize])
	if err != nil {
		panic("seal: making a cipher: " + err.Error()) // only for other key sizes
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic("seal: making a cipher: " + err.Error()) // only for other block sizes
	}
	return aead, derived[KeySize:]
}
