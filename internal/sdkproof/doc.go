// Package sdkproof runs every operation of the vendor's API with the vendor's
// own SDKs against a whole server: what a program that was written for the
// vendor decodes, and which errors it sees. It has tests only.
//
// One table says what is called and what must come back; every SDK runs all of
// it, each against a server of its own. An operation that the server has and
// the table does not is a failure. package rpctest holds the SDKs.
package sdkproof
