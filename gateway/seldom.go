package gateway

import (
	"log/slog"
	"sync"
	"time"
)

// seldom logs warnings that peers could cause without end: at most one in each
// interval, with the number of those left out.
type seldom struct {
	log      *slog.Logger
	interval time.Duration

	mu      sync.Mutex
	next    time.Time // when one may be said again
	leftOut int
}

func newSeldom(log *slog.Logger, interval time.Duration) *seldom {
	return &seldom{log: log, interval: interval}
}

// say logs msg unless one was logged less than an interval ago.
func (s *seldom) say(now time.Time, msg string, args ...any) {
	s.mu.Lock()
	if now.Before(s.next) {
		s.leftOut++
		s.mu.Unlock()
		return
	}
	n := s.leftOut
	s.next, s.leftOut = now.Add(s.interval), 0
	s.mu.Unlock()
	if n > 0 {
		args = append(args, "left_out", n)
	}
	s.log.Warn(msg, args...)
}
