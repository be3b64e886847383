package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// signals are what the process is told from outside.
type signals struct {
	stopped context.Context // ended by the first SIGTERM or SIGINT
	hangup  chan os.Signal
	undo    []func()
}

// takeSignals takes all signals that serve knows, until release. A closed pipe behind standard output or standard error
// would end the process at the next write: its SIGPIPE is ignored, and the write fails.
func takeSignals(ctx context.Context) *signals {
	signal.Ignore(syscall.SIGPIPE)
	s := &signals{hangup: make(chan os.Signal, 1)}
	signal.Notify(s.hangup, syscall.SIGHUP)
	var stop func()
	s.stopped, stop = signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	s.undo = append(s.undo, stop, func() { signal.Stop(s.hangup) })
	return s
}

// again is ended by the next SIGTERM or SIGINT. One more kills the process.
func (s *signals) again() context.Context {
	again, stop := signal.NotifyContext(context.WithoutCancel(s.stopped), os.Interrupt, syscall.SIGTERM)
	s.undo = append(s.undo, stop)
	s.undo[0]() // only now: in between, a signal would kill the process
	return again
}

func (s *signals) release() {
	for _, undo := range s.undo {
		undo()
	}
}
