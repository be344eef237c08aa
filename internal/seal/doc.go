// Package seal encrypts small secrets that are stored or handed out: access
// key secrets, URL-signing keys, session tokens.
//
// Each value is encrypted under a key of its own (HKDF-SHA-256 of a master key
// and 32 random bytes, RFC 5869) with AES-256-GCM, and bound to a context: the
// place where it belongs. A value that was changed, or moved to another place,
// does not open. The package must not know what it seals or where it is kept;
// stores and auth call it. If it is wrong, a copy of the database gives away
// every key.
package seal
