package smtptest

import (
	"net"
	"strings"
	"time"
)

// Step is a moment at which a Sink can fail.
type Step string

// The steps. All but Connect and InContent are the reply to what they are named
// for. Hello is EHLO, HELO and LHLO.
const (
	Connect   Step = "connect" // Refuse, Close, Reset
	Banner    Step = "banner"
	Hello     Step = "EHLO"
	StartTLS  Step = "STARTTLS"
	XForward  Step = "XFORWARD"
	XClient   Step = "XCLIENT"
	Mail      Step = "MAIL"
	Rcpt      Step = "RCPT"
	Data      Step = "DATA"
	InContent Step = "content" // in mid content, see Fault.At
	FinalDot  Step = "dot"     // the message is not taken
	FinalDone Step = "reply"   // the message is taken, and then the reply fails
)

// Kind is a way to fail.
type Kind string

// The kinds. In mid content a reply of 4xx or 5xx, or garbage, is the last word:
// the message is not taken and its dot not answered. Those from Slow on send the reply that was due, in a form that is
// not; it takes effect if it is positive.
const (
	Refuse    Kind = "refuse"    // of Connect: nobody listens
	Close     Kind = "close"     // hang up without a word
	Reset     Kind = "reset"     // likewise, with a TCP reset
	Mute      Kind = "silence"   // say nothing ever again and read on; in mid content: stop reading
	Temporary Kind = "4xx"       // 451 4.3.0
	Permanent Kind = "5xx"       // 554 5.3.0
	Closing   Kind = "421"       // 421 4.3.2, and hang up
	Garbage   Kind = "garbage"   // no reply at all
	HalfReply Kind = "half"      // the first line of two, and hang up
	CutReply  Kind = "cut"       // part of a line, and hang up
	Slow      Kind = "slow"      // octet by octet, Fault.Pause apart
	LongLine  Kind = "long-line" // a line of 600 octets
	ManyLines Kind = "60-lines"  // a reply of 60 lines
	NUL       Kind = "NUL"       // a NUL in the text
	BareLF    Kind = "bare-LF"   // a line that ends in LF
	Early     Kind = "early"     // behind it a 250 that nobody has asked for; in mid content: a 250
	Delay     Kind = "delay"     // after Fault.Pause
)

// Fault makes a step fail.
type Fault struct {
	Step  Step
	Kind  Kind
	Nth   int           // only this passing of the step, over all connections, from 1; 0: all
	At    int           // of InContent: after so many octets at least
	Pause time.Duration // of Slow and Delay
}

// fault is a Fault that counts.
type fault struct {
	Fault
	passed int
}

// Fail replaces the faults of s. Connect with Refuse has to be among the Options.
func (s *Sink) Fail(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
	for _, f := range faults {
		s.faults = append(s.faults, &fault{Fault: f})
	}
}

// failing returns the fault of this passing of step, nil if there is none.
// For InContent the content has grown from before to now.
func (s *Sink) failing(step Step, before, now int) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	var hit *Fault
	for _, f := range s.faults {
		if f.Step != step || step == InContent && !(before < max(f.At, 1) && max(f.At, 1) <= now) {
			continue
		}
		f.passed++
		if hit == nil && (f.Nth == 0 || f.Nth == f.passed) {
			hit = &f.Fault
		}
	}
	return hit
}

// refuses reports whether connections are refused.
func (s *Sink) refuses() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		if f.Step == Connect && f.Kind == Refuse {
			return true
		}
	}
	return false
}

// The replies of faults.
const (
	temporary = "451 4.3.0 trouble here"
	permanent = "554 5.3.0 trouble here"
	closing   = "421 4.3.2 closing"
	garbage   = "banana"
	early     = "250 2.0.0 before its turn"
)

// replaced is the reply in place of due, whose first digit decides what takes
// effect.
func (k Kind) replaced(due string) string {
	switch k {
	case Close, Reset, HalfReply, CutReply:
		return Hangup
	case Mute:
		return Silence // no matter what: it only must not take effect
	case Temporary:
		return temporary
	case Permanent:
		return permanent
	case Closing:
		return closing + ThenHangup
	case Garbage:
		return garbage
	}
	return due
}

// sendFault sends reply in the way of f. It reports whether the connection lives.
func (s *session) sendFault(f *Fault, reply, due string) bool {
	code, text, _ := strings.Cut(due, " ")
	if code == "" || len(code) > 3 { // of several lines
		code, text = due[:min(3, len(due))], "fine"
	}
	switch f.Kind {
	case Reset:
		s.reset()
		return false
	case HalfReply:
		return s.write(code + "-half of it" + ThenHangup)
	case CutReply:
		s.w.WriteString(code + " ha")
		s.w.Flush()
		return false
	case Slow:
		return s.slowly(due+"\r\n", f.Pause)
	case LongLine:
		return s.write(code + " " + strings.Repeat("long ", 120) + text)
	case ManyLines:
		return s.write(strings.Repeat(code+"-one of many\r\n", 59) + code + " " + text)
	case NUL:
		return s.write(code + " a NUL \x00 here")
	case BareLF:
		return s.write(code + "-one\n" + code + " " + text)
	case Early:
		s.early = true
		return s.write(due + "\r\n" + early)
	case Mute:
		s.mute = true
		return s.w.Flush() == nil // what is due before it
	case Delay:
		s.w.Flush() // what is due before it
		pause(f.Pause)
	}
	return s.write(reply)
}

// slowly writes text octet by octet.
func (s *session) slowly(text string, between time.Duration) bool {
	for i := range len(text) {
		s.w.WriteByte(text[i])
		if s.w.Flush() != nil {
			return false
		}
		pause(between)
	}
	return true
}

// pause waits: what these faults are about is time. Under testing/synctest it
// costs none.
func pause(d time.Duration) { <-time.After(d) }

// reset closes the connection so that the client sees a reset.
func (s *session) reset() {
	s.w.Flush()
	if tcp, ok := s.raw.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // it is closed next, at worst in the usual way
	}
	s.raw.Close()
}

// failContent has content fail that has grown from before to now. more says
// whether to read on.
func (s *session) failContent(before, now int) (more bool) {
	f := s.sink.failing(InContent, before, now)
	if f == nil {
		return true
	}
	switch f.Kind {
	case Reset:
		s.reset()
		return false
	case Mute:
		<-s.sink.done
		return false
	case Delay:
		pause(f.Pause)
		return true
	case HalfReply:
		return s.interrupt("451-half of it" + ThenHangup)
	}
	s.spoke, s.early = f.Kind != Early, f.Kind == Early
	return s.interrupt(f.Kind.replaced(early))
}
