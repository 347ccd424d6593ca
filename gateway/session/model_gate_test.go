package session_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"

	"mxgate/gateway/session"
	"mxgate/gateway/wire"
	"mxgate/policy/mail"
)

// wordGate reacts to the words of the model and notes what it is told.
type wordGate struct{ gate }

func (g *wordGate) react(word string) error {
	reply := func(code int, e ...int) error {
		return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode(e), Message: "As told"}
	}
	switch word {
	case "refuse":
		return reply(550, 5, 1, 1)
	case "later":
		return reply(451, 4, 2, 2)
	case "odd":
		return reply(550, 4, 1, 1)
	case "error":
		return errors.New("secret")
	case "busy":
		return reply(421, 4, 3, 0)
	case "panic":
		panic("as told")
	}
	return nil
}

func (g *wordGate) Begin(_ context.Context, c mail.Client, env mail.Envelope) (session.Transaction, error) {
	var seen []string
	add := func(given bool, format string, args ...any) {
		if given {
			seen = append(seen, fmt.Sprintf(format, args...))
		}
	}
	add(env.SizeOctets > 0, " size=%d", env.SizeOctets)
	add(env.Body != "", " body=%s", env.Body)
	add(env.UTF8, " utf8")
	add(env.RequireTLS, " requiretls")
	add(env.Return != "", " ret=%s", env.Return)
	add(env.EnvelopeID != "", " envid=%s", env.EnvelopeID)
	slices.Sort(seen)
	path, addr := env.ReversePath.String(), ""
	if env.ReversePath.IsNull() {
		path = "<>"
	}
	if c.Origin.IsValid() {
		addr = c.Origin.String()
	}
	g.note("begin %s%s tls=%t origin=%s/%s", path, strings.Join(seen, ""), c.TLS, addr, c.OriginHelo)
	if err := g.react(env.ReversePath.Local); err != nil {
		return nil, err
	}
	return &wordTransaction{wordGate: g}, nil
}

type wordTransaction struct {
	*wordGate
	ahead []mail.Recipient // that were announced, and are still to come
}

// Ahead holds the session to what it announces: those recipients, and no others,
// are the next.
func (t *wordTransaction) Ahead(recipients []mail.Recipient) {
	if len(t.ahead) > 0 || len(recipients) == 0 {
		t.note("%d recipients announced, %d are still to come", len(recipients), len(t.ahead))
	}
	t.ahead = append([]mail.Recipient{{}}, recipients...) // behind the one that is due
}

func (t *wordTransaction) came(path mail.Address, dsn mail.RecipientDSN) {
	if len(t.ahead) == 0 {
		return
	}
	if want := t.ahead[0]; want != (mail.Recipient{}) && want != (mail.Recipient{Path: path, DSN: dsn}) {
		t.note("%v was announced", want)
	}
	t.ahead = t.ahead[1:]
}

func (t *wordTransaction) Rcpt(_ context.Context, path mail.Address, dsn mail.RecipientDSN) error {
	params := ""
	if dsn.Notify != "" {
		params = " notify=" + dsn.Notify
	}
	if dsn.Original != "" {
		params += " orcpt=" + dsn.OriginalType + ";" + dsn.Original
	}
	t.note("rcpt %s%s", path, params)
	t.came(path, dsn)
	return t.react(path.Local)
}

func (t *wordTransaction) Content(_ context.Context, c *wire.Content) *smtp.SMTPError {
	body, err := io.ReadAll(io.NewSectionReader(c, 0, c.Size))
	if err != nil {
		t.note("unreadable: %v", err)
	}
	t.note("content %d", len(body))
	if len(t.ahead) > 0 {
		t.note("%v did not come", t.ahead)
	}
	first, _, _ := strings.Cut(string(body), "\r\n")
	switch answer := t.react(first).(type) {
	case *smtp.SMTPError:
		return answer
	case nil:
		return &smtp.SMTPError{Code: 250, EnhancedCode: smtp.EnhancedCode{2, 0, 0}, Message: "Taken"}
	}
	return nil
}

func (t *wordTransaction) Refused(_ context.Context, why error) *smtp.SMTPError {
	for name, r := range map[string]struct {
		why   error
		reply smtp.SMTPError
	}{
		"bad":   {wire.ErrBadFraming, smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 5, 2}}},
		"large": {wire.ErrTooLarge, smtp.SMTPError{Code: 552, EnhancedCode: smtp.EnhancedCode{5, 3, 4}}},
		"slow":  {wire.ErrTimeout, smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 4, 2}}},
		"cut":   {wire.ErrCut, smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 4, 2}}},
	} {
		if errors.Is(why, r.why) {
			t.note("refused %s", name)
			return &r.reply
		}
	}
	return nil
}

// patient is a socket whose deadlines pass when the test says so.
type patient struct {
	*net.TCPConn
	mu      sync.Mutex
	expired bool
	closed  chan struct{}
	once    sync.Once
}

func (p *patient) SetReadDeadline(time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.expired {
		return p.TCPConn.SetReadDeadline(time.Unix(1, 0))
	}
	return p.TCPConn.SetReadDeadline(time.Time{})
}

func (p *patient) expire() error {
	p.mu.Lock()
	p.expired = true
	p.mu.Unlock()
	return p.SetReadDeadline(time.Time{})
}

func (p *patient) Close() error {
	p.once.Do(func() { close(p.closed) })
	return p.TCPConn.Close()
}

type patientListener struct {
	net.Listener
	accepted chan *patient
}

func (l patientListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	p := &patient{TCPConn: c.(*net.TCPConn), closed: make(chan struct{})}
	l.accepted <- p
	return p, nil
}
