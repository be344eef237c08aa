// Package client speaks to a Freshet server by its native API: submit a job by
// media IDs, watch it, and read what every POP said of each URL.
//
// It must not know anything of the server that is not in the API. The
// command line uses it, and so may any Go program. Every call takes a context;
// faults are *freshet.Error with the server's own code and words, and an
// unreachable server is a CodeUnavailable one. A server that is full says when to
// come again, and is asked then (Options.Patience). Calls are signed (V3), so the
// secret never travels.
package client
