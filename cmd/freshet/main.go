// Command freshet purges and prefetches video by media ID on every cache a
// team runs, and shows that it happened.
//
// Its commands are thin: those for people speak to a server by package client,
// and the others start one. Nothing here decides what is purged.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"
)

func main() { os.Exit(run()) }

// run is main as a value, so that tests run the whole program in-process.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The first signal asks to stop; a second one is not waited for.
	context.AfterFunc(ctx, stop)
	return execute(ctx, deps{
		args: os.Args[1:], in: os.Stdin, out: os.Stdout, err: os.Stderr, env: os.Getenv,
		typed:    term.IsTerminal(int(os.Stdin.Fd())),
		terminal: term.IsTerminal(int(os.Stderr.Fd())), columns: columns(os.Stdout),
		asks:    term.IsTerminal(int(os.Stdin.Fd())) && term.IsTerminal(int(os.Stderr.Fd())),
		servers: servers(),
	})
}

// columns is the width of the terminal that a file is; 0 = it is none.
func columns(f *os.File) int {
	fd := int(f.Fd())
	if !term.IsTerminal(fd) {
		return 0
	}
	if width, _, err := term.GetSize(fd); err == nil && width > 0 {
		return width
	}
	return 80 // a terminal that does not say
}
