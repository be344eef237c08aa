package nginx

import (
	"net"
	"syscall"
)

// wakeAfter lets the kernel wake the reader of a connection only when so many
// bytes are there, or the connection has ended. nginx writes each answer by
// itself, and being woken for each costs more than reading it.
func wakeAfter(c net.Conn, bytes int) {
	t, ok := c.(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := t.SyscallConn()
	if err != nil {
		return
	}
	// Without it the reader is only woken more often.
	_ = raw.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVLOWAT, bytes)
	})
}
