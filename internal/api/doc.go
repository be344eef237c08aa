// Package api is the native API under /v1: jobs, tasks, plans, media, domains,
// POPs and keys as JSON over HTTP.
//
// It must not know how work is done or stored: it turns requests into calls of
// the small interfaces that it names, and their errors into RFC 9457 problems.
// The command line and package client are its callers; app mounts it. If it
// lets a malformed submission through, the engine stores it for ever; if it
// asks in the wrong account's name, a tenant sees another's media.
package api
