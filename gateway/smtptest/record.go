package smtptest

import (
	"fmt"
	"slices"
)

// Commands returns the command lines received so far, in order of arrival.
func (s *Sink) Commands() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.commands)
}

// Sessions returns what came on each connection so far, in the order in which
// they were taken.
func (s *Sink) Sessions() []Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.Clone(s.sessions)
	for i := range all {
		all[i].Commands = slices.Clone(all[i].Commands)
	}
	return all
}

// Connections is the number of connections taken so far.
func (s *Sink) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sessions)
}

// Violations returns what clients did against the protocol, in order.
func (s *Sink) Violations() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.violations)
}

func (s *Sink) record(m Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count++
	if !s.opts.Discard {
		s.messages = append(s.messages, m)
	}
	close(s.arrived)
	s.arrived = make(chan struct{})
}

// heard notes a command line, or Dot, which is none.
func (s *Sink) heard(conn int, line string) {
	if s.opts.Discard {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if line != Dot {
		s.commands = append(s.commands, line)
	}
	s.sessions[conn].Commands = append(s.sessions[conn].Commands, line)
}

func (s *Sink) encrypted(conn int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions[conn].TLS = true
}

func (s *Sink) violation(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.violations = append(s.violations, fmt.Sprintf(format, args...))
}
