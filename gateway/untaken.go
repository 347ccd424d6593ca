package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/emersion/go-smtp"

	"mxgate/gateway/wire"
	"mxgate/policy/mail"
)

// mailRefused writes down a MAIL that wire refused.
func (p *pipeline) mailRefused(m wire.MailRefused) {
	reason, err := "other", m.Why
	switch {
	case errors.Is(m.Why, wire.ErrTooLarge):
		reason, err = "too-large", fmt.Errorf("SIZE says %d octets, and the limit is %d (limits.message_octets, or what the next hops take)", m.Declared, m.Limit)
	case errors.Is(m.Why, wire.ErrSpool):
		reason, err = "no-room", fmt.Errorf("SIZE says %d octets, and the disk of the spool has no room for them", m.Declared)
	case errors.Is(m.Why, wire.ErrNoTLS):
		reason = "no-tls"
	}
	p.noteMailRefused(m.Client, m.ReversePath, m.Declared, reason, m.Code, m.Enhanced, err)
}

// refuseMail writes down a MAIL that is refused with r, and returns r.
func (p *pipeline) refuseMail(c mail.Client, env mail.Envelope, r *smtp.SMTPError) *smtp.SMTPError {
	reason := "other"
	switch r {
	case storeFull: // the journal waits
		reason = "no-room"
	case flood:
		reason = "flood"
	case nullMX:
		reason = "null-mx"
	}
	p.noteMailRefused(c, env.ReversePath, env.SizeOctets, reason, r.Code, enhanced(r), errors.New(r.Message))
	return r
}

// noteMailRefused counts a MAIL that began no transaction, and writes the one line
// there is of it: the journal has transactions only.
func (p *pipeline) noteMailRefused(c mail.Client, sender mail.Address, declared int64, reason string, code int, enhanced string, err error) {
	p.metrics.mailRefused.WithLabelValues(reason).Inc()
	p.log.LogAttrs(context.Background(), slog.LevelInfo, "mail refused before a transaction began",
		slog.String("reason", reason), slog.String("client_ip", c.Addr.String()), slog.String("source", c.Source), slog.String("helo", c.Helo),
		slog.String("reverse_path_domain", string(sender.Domain)), slog.Int64("size_octets", declared), slog.Bool("tls", c.TLS),
		slog.Int("reply_code", code), slog.String("enhanced_code", enhanced), slog.String("err", err.Error()))
}

// inWords says to people why content was not taken.
func inWords(u *wire.Untaken) error {
	switch {
	case errors.Is(u.Err, wire.ErrTooLarge) && u.Cut:
		return fmt.Errorf("the message is far over the size limit: %d octets had come, more than twice the limit of %d (limits.message_octets, or what the next hops take), and the connection was closed", u.Octets, u.Limit)
	case errors.Is(u.Err, wire.ErrTooLarge):
		return fmt.Errorf("the message is over the size limit: it has %d octets, and the limit is %d (limits.message_octets, or what the next hops take)", u.Octets, u.Limit)
	case errors.Is(u.Err, wire.ErrBadFraming):
		return errors.New("the content has a bare CR, a bare LF or a NUL: servers behind us might see other ends of lines, and another message, in it")
	case errors.Is(u.Err, wire.ErrSpool):
		return fmt.Errorf("the content could not be kept: %w", u.Err)
	case errors.Is(u.Err, wire.ErrTimeout):
		return fmt.Errorf("the content came too slowly: after %d octets the connection was closed", u.Octets)
	}
	return fmt.Errorf("the connection was lost before the end of the content, after %d octets: %w", u.Octets, u.Err)
}
