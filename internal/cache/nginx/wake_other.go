//go:build !linux

package nginx

import "net"

// wakeAfter would spare the reader of a connection from being woken for each
// answer.
func wakeAfter(net.Conn, int) {}
