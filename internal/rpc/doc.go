// Package rpc speaks the vendor's API: one path, an operation named by a
// parameter, answers in JSON or XML (docs/vendor-api.md, which comments here
// call the contract).
//
// It turns a call into words of package freshet and back, and decides nothing
// else: it must not know how media are resolved, stored or purged. The HTTP
// listener calls it at "/". If it is wrong, programs that were written for the
// vendor's SDKs break, or purge something else than they asked for.
package rpc
