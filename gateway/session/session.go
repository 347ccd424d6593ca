// Package session joins go-smtp to the gateway: it turns commands that
// gateway/wire has read into calls of a [Gate], and what the Gate says into
// replies. It keeps the order of a transaction and contains panics; it knows
// neither policy nor next hop.
//
// RFC 5321, Sections 3.3 and 4.1.4 (transactions, order). Syntax, limits and
// time are gateway/wire's.
package session

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"runtime/debug"
	"sync"

	"github.com/emersion/go-smtp"

	"mxgate/gateway/wire"
	"mxgate/policy/mail"
)

// Gate begins transactions.
type Gate interface {
	// Begin is called for MAIL with the reverse-path and its parameters. An error
	// that is an *smtp.SMTPError is the reply; any other is answered 451 4.3.0.
	// ctx ends when the connection is closed.
	Begin(ctx context.Context, c mail.Client, env mail.Envelope) (Transaction, error)
}

// Transaction is one mail transaction. Its methods are never called at the same
// time, and exactly one of Content, Refused and Abort ends it. One whose Content
// or Refused panics is ended by Abort.
type Transaction interface {
	// Rcpt is called for RCPT with the forward-path and what the client asks of
	// DSNs; errors are those of Begin.
	Rcpt(ctx context.Context, path mail.Address, dsn mail.RecipientDSN) error
	// Ahead is called before a Rcpt with the recipients that the client has sent
	// behind it. Rcpt is then called for each of them in this order, unless the
	// connection ends before.
	Ahead(recipients []mail.Recipient)
	// Content is given the message and returns the final answer, 250 too. The
	// session closes c afterwards. ctx is the server's: R12 of SMTP-DUTIES, the
	// work is finished though the client has gone.
	Content(ctx context.Context, c *wire.Content) *smtp.SMTPError
	// Refused is called instead of Content when the content could not be taken:
	// why wraps one of the errors of wire. It returns the final answer, which
	// the client is told if it is still there; if time ran out, that is 421.
	Refused(ctx context.Context, why error) *smtp.SMTPError
	// Answered is called once after Content or Refused, panic or not, when the
	// final answer has been written or could not be. read is false if the client
	// is known to have gone before it could read it: the write failed, or its
	// end was closed or reset by then. R12.
	Answered(read bool)
	// Abort is called when it ends without content: why is RSET, EHLO, HELO,
	// panic, or what (*wire.Conn).Ended says.
	Abort(why string)
}

// backend is the go-smtp Backend over a Gate.
type backend struct{ Config }

// New returns the go-smtp Backend of cfg. Its connections must be wire's.
func New(cfg Config) smtp.Backend {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.OnPanic == nil {
		cfg.OnPanic = func() {}
	}
	return &backend{cfg}
}

// NewSession implements smtp.Backend.
func (b *backend) NewSession(c *smtp.Conn) (smtp.Session, error) {
	conn, ok := c.Conn().(*wire.Conn)
	if !ok {
		return nil, internalError
	}
	return &session{backend: b, conn: conn}, nil
}

// session is one SMTP session. go-smtp calls everything from one goroutine,
// except Logout: Server.Close calls it while a command may be running.
type session struct {
	*backend
	conn *wire.Conn

	ahead int // recipients that the transaction knows of and that are still to come

	mu   sync.Mutex
	tx   Transaction
	busy bool // a command runs, and may use tx
	gone bool // Logout was called
}

// enter begins a command. A session that is gone takes no more.
func (s *session) enter() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone {
		return serverClosed
	}
	s.busy = true
	return nil
}

// leave ends a command: it contains its panic and aborts what a Logout in the
// meantime could not.
func (s *session) leave(err *error) {
	p := recover()
	if p != nil {
		s.note(p)
		*err = panicked
	}
	s.mu.Lock()
	s.busy = false
	gone := s.gone
	s.mu.Unlock()
	switch {
	case p != nil:
		s.abort("panic")
	case gone:
		s.abort(s.why())
	}
}

// note counts and logs a panic with its stack.
func (s *session) note(p any) {
	s.OnPanic()
	s.Log.Error("panic in a session", slog.Uint64("conn", s.conn.ID()), slog.Any("err", p),
		slog.String("stack", string(debug.Stack())))
}

// take removes the transaction: whoever takes it ends it.
func (s *session) take() Transaction {
	s.mu.Lock()
	defer s.mu.Unlock()
	tx := s.tx
	s.tx = nil
	return tx
}

// abort ends the transaction, if one is open, without content.
func (s *session) abort(why string) {
	defer func() {
		if p := recover(); p != nil { // go-smtp recovers nothing in Logout
			s.note(p)
		}
	}()
	if tx := s.take(); tx != nil {
		tx.Abort(why)
	}
}

// why says why the connection is over.
func (s *session) why() string {
	if why := s.conn.Ended(); why != "" {
		return why
	}
	return "closed"
}

// Mail implements smtp.Session. The envelope comes from wire: go-smtp's parser
// unquotes local parts and takes what is no address.
func (s *session) Mail(string, *smtp.MailOptions) (err error) {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave(&err)
	if s.tx != nil {
		return outOfOrder
	}
	cmd := s.conn.Command()
	tx, err := s.Gate.Begin(s.conn.Context(), s.conn.Client(), mail.Envelope{
		ReversePath: cmd.Path, Body: cmd.Body, SizeOctets: cmd.Size, UTF8: cmd.UTF8,
		RequireTLS: cmd.RequireTLS, Return: cmd.Return, EnvelopeID: cmd.EnvelopeID})
	if err != nil {
		return s.reply(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tx, s.ahead = tx, 0
	return nil
}

// Rcpt implements smtp.Session.
func (s *session) Rcpt(string, *smtp.RcptOptions) (err error) {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave(&err)
	if s.tx == nil {
		return outOfOrder
	}
	cmd := s.conn.Command()
	if s.ahead == 0 {
		if ahead := s.conn.Ahead(); len(ahead) > 0 {
			s.ahead = len(ahead)
			s.tx.Ahead(ahead)
		}
	} else {
		s.ahead--
	}
	if err := s.tx.Rcpt(s.conn.Context(), cmd.Path, cmd.DSN); err != nil {
		return s.reply(err)
	}
	return nil
}

// Data implements smtp.Session. What go-smtp would read is left alone: wire
// has the content, and gives go-smtp only its last line.
func (s *session) Data(io.Reader) (err error) {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave(&err)
	if s.tx == nil {
		return outOfOrder
	}
	tx, ctx := s.tx, s.conn.ServerContext()
	content, err := s.conn.Content(ctx)
	s.conn.OnAnswer(func(read bool) { s.answered(tx, read) })
	if err != nil {
		return s.final(tx.Refused(ctx, err))
	}
	defer content.Close()
	return s.final(tx.Content(ctx, content))
}

// answered tells a transaction that has ended what became of its answer. A
// panic changes nothing any more.
func (s *session) answered(tx Transaction, read bool) {
	defer func() {
		if p := recover(); p != nil {
			s.note(p)
		}
	}()
	tx.Answered(read)
}

// final closes the transaction with its answer. After a panic it is not
// reached, and leave aborts the transaction.
func (s *session) final(answer *smtp.SMTPError) error {
	s.take()
	if answer == nil {
		return internalError // go-smtp would take a nil for success
	}
	return answer
}

// Reset implements smtp.Session: RSET, EHLO, and the end of DATA.
func (s *session) Reset() { s.abort(s.conn.Command().Verb) }

// Logout implements smtp.Session.
func (s *session) Logout() error {
	s.mu.Lock()
	s.gone = true
	busy := s.busy
	s.mu.Unlock()
	if !busy { // else leave does it
		s.abort(s.why())
	}
	return nil
}

// reply makes an answer of err. What is not meant for the client is logged and
// not shown.
func (s *session) reply(err error) *smtp.SMTPError {
	if reply, ok := errors.AsType[*smtp.SMTPError](err); ok {
		return reply
	}
	s.Log.Warn("a command failed", slog.Uint64("conn", s.conn.ID()), slog.String("err", err.Error()))
	return internalError
}
