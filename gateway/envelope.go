package gateway

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-smtp"

	"mxgate/gateway/relay"
	"mxgate/gateway/resolve"
	"mxgate/gateway/session"
	"mxgate/policy"
	"mxgate/policy/mail"
)

// nullMXTimeout bounds the one look-up that MAIL may wait for.
const nullMXTimeout = 2 * time.Second

// catchUpTimeout is how long MAIL may wait for the journal.
const catchUpTimeout = 10 * time.Second

// Begin starts a transaction at MAIL. It implements session.Gate.
func (p *pipeline) Begin(ctx context.Context, c mail.Client, env mail.Envelope) (session.Transaction, error) {
	if p.store.Behind() && !p.catchUp(ctx) {
		return nil, p.refuseMail(c, env, storeFull) // what cannot be recorded is not begun
	}
	now := p.now()
	if refusal := p.checkSource(c, now); refusal != nil {
		return nil, refusal
	}
	if refusal := p.checkSender(ctx, env.ReversePath, now); refusal != nil {
		return nil, p.refuseMail(c, env, refusal)
	}
	c.Name = p.names.peek(c.Addr) // known by the time it is written down, mostly
	return &transaction{p: p, tx: mail.Transaction{ID: newID(now), Client: c, Envelope: env, ReceivedAt: now}}, nil
}

// catchUp has a client wait a moment for the journal of those before it.
func (p *pipeline) catchUp(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, catchUpTimeout)
	defer cancel()
	return p.store.CatchUp(ctx)
}

// checkSource asks again at each MAIL what was asked at the connection: a session
// may last an hour, and the last day of its source ends meanwhile. It is closed
// then, so that what follows is admitted, or not, as every connection is.
func (p *pipeline) checkSource(c mail.Client, now time.Time) *smtp.SMTPError {
	src, ok := p.cfg.SourceSet.Named(c.Source)
	if !ok || !src.Expired(now) {
		return nil
	}
	p.metrics.expired.Inc()
	p.metrics.path(policy.ViaOld, src.Name)
	p.store.Stranger(now, c.Addr, c.Helo)
	p.trouble.say(now, "session of a source ended, whose last day is over", "client_ip", c.Addr, "source", src.Name, "reason", string(policy.SourceExpired))
	return sourceOver
}

// sourceOver is the reply to it. RFC 5321, Section 3.8; SMTP-DUTIES A1.
var sourceOver = reply(421, 4, 7, 1, "Mail is no longer taken from you; closing the connection")

// checkSender judges a reverse-path by itself. SMTP-DUTIES E9, V7.
func (p *pipeline) checkSender(ctx context.Context, sender mail.Address, now time.Time) *smtp.SMTPError {
	if !p.senders.may(sender, now) {
		return flood
	}
	if !p.cfg.Policy.RefuseNullMX || sender.Domain == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(resolve.Budget(ctx, lookupBudget), nullMXTimeout)
	defer cancel()
	mx, err := p.collector.Resolver.MX(ctx, string(sender.Domain))
	if err == nil && len(mx.Records) == 1 && mx.Records[0].Host == "" {
		return nullMX
	}
	return nil
}

// newID makes a transaction id: 20 lower-case letters and digits, sorted by time.
func newID(now time.Time) string {
	var raw [12]byte
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(now.UnixMilli()))
	copy(raw[:6], ms[2:])
	_, _ = rand.Read(raw[6:]) // never fails: crypto/rand
	return strings.ToLower(base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(raw[:]))
}

// Ahead notes the recipients that will be put to the next hop after the next one,
// so that it can be asked for all in one round trip.
func (t *transaction) Ahead(recipients []mail.Recipient) { t.ahead = recipients }

// on takes out of recipients those who go another way, or none.
func (t *transaction) on(route *relay.Route, recipients []mail.Recipient) []mail.Recipient {
	return slices.DeleteFunc(recipients, func(r mail.Recipient) bool {
		way, refusal := t.checkRcpt(r.Path)
		return refusal != nil || way != route
	})
}

// Rcpt puts one recipient to the next hop and passes its answer on.
func (t *transaction) Rcpt(ctx context.Context, path mail.Address, dsn mail.RecipientDSN) error {
	ahead := t.ahead
	if len(ahead) > 0 {
		t.ahead = ahead[1:] // whatever becomes of this one, the next is due
	}
	route, refusal := t.checkRcpt(path)
	if refusal == nil {
		refusal = t.askNextHop(ctx, route, mail.Recipient{Path: path, DSN: dsn}, ahead)
	}
	if refusal != nil {
		if len(t.refused) < t.p.cfg.Limits.Recipients {
			t.refused = append(t.refused, refusedPath{path, refusal})
		}
		t.refusal = withID(refusal, t.tx.ID)
		return t.refusal
	}
	t.tx.Envelope.AddRecipient(path, dsn)
	return nil
}

// checkRcpt finds the way for path. SMTP-DUTIES E5, E7, E8.
func (t *transaction) checkRcpt(path mail.Address) (*relay.Route, *smtp.SMTPError) {
	if path.Literal.IsValid() {
		return nil, noLiteral
	}
	domain := path.Domain
	if domain == "" { // bare postmaster
		domain = t.p.cfg.Own[0]
	}
	route, ours := t.p.cfg.Routes[domain]
	switch {
	case !ours:
		return nil, notOurs
	case strings.ContainsAny(path.Local, "%!@"):
		return nil, routedAddress
	case t.route != nil && t.route != route && len(t.tx.Envelope.ForwardPaths) > 0:
		return nil, otherRoute
	}
	return route, nil
}

// askNextHop opens the way at the first recipient and asks for this one, and for those
// ahead who go the same way. Where nobody was taken nothing is promised: the way may be
// another one at the next recipient.
func (t *transaction) askNextHop(ctx context.Context, route *relay.Route, to mail.Recipient, ahead []mail.Recipient) *smtp.SMTPError {
	if t.route != route {
		t.release()
		t.route = nil
	}
	if t.delivery == nil {
		d, err := t.p.pool.Open(ctx, route, t.tx.Client, t.tx.Envelope)
		if err != nil {
			t.nextHop = route.Name
			t.failed(err)
			return forNextHop(relay.Reply{}, err)
		}
		t.delivery, t.route = d, route
	}
	t.ahead = nil // they are asked for now
	r, err := t.delivery.Rcpt(ctx, to.Path, to.DSN, t.on(route, ahead)...)
	t.nextHop = cmp.Or(t.delivery.Host(), route.Name)
	if err != nil {
		t.failed(err)
		if !isMailRefused(err) && len(t.tx.Envelope.ForwardPaths) == 0 {
			t.release()
			t.route = nil
		}
	}
	if err != nil || !r.Positive() {
		return forNextHop(r, err)
	}
	return nil
}

func isMailRefused(err error) bool {
	f, ok := errors.AsType[*relay.Failure](err)
	return ok && f.Class == relay.MailRefused
}
