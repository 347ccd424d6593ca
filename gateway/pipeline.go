package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"

	"mxgate/gateway/config"
	"mxgate/gateway/memory"
	"mxgate/gateway/relay"
	"mxgate/gateway/resolve"
	"mxgate/gateway/store"
	"mxgate/gateway/wire"
	"mxgate/policy"
	"mxgate/policy/mail"
	"mxgate/policy/provider"
)

// lookupBudget bounds the DNS questions one message may cause over all checks, each time
// it is looked at, links of alias chains included. The checks have limits of their own: what a
// sender can make SPF, for reverse-path and HELO, DKIM and ARC ask (130, 60, 5
// and 20 look-ups, each of at most 9 questions) leaves DMARC its share. Without
// it a sender could have the author's policy go unread.
const lookupBudget = 2000

// maxAnswerWait is from the client's final dot to our answer, all checks and the
// next hop included: clients wait for ten minutes, RFC 5321, Section 4.5.3.2.6.
// SMTP-DUTIES M3.
const maxAnswerWait = 540 * time.Second

// pipeline is the story of one message: envelope, content, collect, decide,
// dispose, record. It joins the rooms, which do not know each other.
type pipeline struct {
	cfg       *config.Config
	collector *policy.Collector
	pool      *relay.Pool
	store     *store.Store
	memory    *memory.Store // nil: nothing is remembered
	metrics   *metrics
	log       *slog.Logger
	trouble   *seldom // what would otherwise be said for every message
	waiting   *waiting
	offers    *offers
	names     *hostNames
	senders   *senders
	judging   crowd
	patient   chan struct{} // a slot for each hurried message that waits for DNS after all
	strip     stripping
	now       func() time.Time
	// answerWithin is how long the client waits for the answer to its content at
	// most: maxAnswerWait but in tests.
	answerWithin time.Duration
}

// transaction carries one message from MAIL to its final answer. It is replaced
// whole for the next one.
type transaction struct {
	p        *pipeline
	tx       mail.Transaction
	route    *relay.Route // nil until a recipient was put to it
	nextHop  string       // host of the route, for the journal
	delivery *relay.Delivery
	ahead    []mail.Recipient // that the client has sent behind the one it waits for
	refused  []refusedPath
	refusal  *smtp.SMTPError // the last answer to one
	answer   *smtp.SMTPError // the final one, which Answered tells to be read or not
	result   record
	once     sync.Once // the journal row
}

// refusedPath is a recipient that was refused, and the answer.
type refusedPath struct {
	path   mail.Address
	answer *smtp.SMTPError
}

// release gives the connection to the next hop back.
func (t *transaction) release() {
	if t.delivery != nil {
		t.delivery.Abort()
		t.delivery = nil
	}
}

// Content judges the message and disposes of it; its answer is the final one.
// ctx is the gateway's: a client that leaves does not stop a message that is on
// its way (R12).
func (t *transaction) Content(ctx context.Context, content *wire.Content) *smtp.SMTPError {
	ctx, cancel := context.WithTimeout(ctx, t.p.answerWithin) // M3
	defer cancel()
	if t.tx.Client.Name == "" { // it was not known yet at MAIL
		t.tx.Client.Name = t.p.names.peek(t.tx.Client.Addr)
	}
	if len(t.tx.Envelope.ForwardPaths) == 0 {
		return t.end(ourFault, record{outcome: store.Deferred, err: errors.New("content without recipient")})
	}
	m, err := mail.ParseMessage(content, content.Size)
	if err != nil {
		if errors.Is(err, mail.ErrHeaderLimit) {
			return t.end(headerLimit, record{outcome: store.Refused, size: content.Size, err: err})
		}
		return t.end(ourFault, record{outcome: store.Deferred, size: content.Size, err: err})
	}
	t.tx.Message = m
	if loops(m, t.p.cfg.Hostname) {
		return t.end(mailLoop, record{outcome: store.Refused, size: content.Size, err: errors.New("mail loop")})
	}
	e, err := t.collect(ctx)
	if err != nil {
		t.p.metrics.faults.Inc()
		return t.end(ourFault, record{outcome: store.Deferred, size: content.Size, err: err})
	}
	v := policy.Decide(&t.p.cfg.Rules, e)
	return t.dispose(ctx, content, e, v)
}

func (t *transaction) collect(ctx context.Context) (*policy.Evidence, error) {
	start := time.Now()
	defer func() { t.p.metrics.collect.Observe(time.Since(start).Seconds()) }()
	src, ok := t.p.cfg.SourceSet.Named(t.tx.Client.Source)
	if !ok {
		return nil, fmt.Errorf("gateway: source %q vanished", t.tx.Client.Source)
	}
	many, leave := t.p.judging.enter(src.Name, t.p.cfg.Limits.ConnectionsPerSource/2)
	defer leave()
	if many {
		t.p.trouble.say(t.p.now(), "many messages of a source wait for DNS at once: those that come now wait for a moment only", "source", src.Name)
	}
	hurry := many || t.tx.Message.HeaderOctets > hurriedHeader
	e, err := t.examine(ctx, src, hurry)
	if err != nil || !e.Pending() {
		return e, err
	}
	before, waited := t.p.waiting.waited(&t.tx, e, t.p.now())
	if hurry && e.Hurried && before {
		select {
		case t.p.patient <- struct{}{}:
			defer func() { <-t.p.patient }()
			if e, err = t.examine(ctx, src, false); err != nil || !e.Pending() {
				return e, err
			}
			_, waited = t.p.waiting.waited(&t.tx, e, t.p.now()) // a seal that is read by now may show another origin
		default:
		}
	}
	e.WaitedFor = waited
	return e, nil
}

// examine collects the evidence within policy.time_budget; in a hurry it waits for DNS
// for a moment only.
func (t *transaction) examine(ctx context.Context, src provider.Source, hurry bool) (*policy.Evidence, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(t.p.cfg.Policy.TimeBudget))
	defer cancel()
	ctx, ours := resolve.NoteOurs(resolve.Budget(ctx, lookupBudget))
	if hurry {
		ctx = resolve.WaitUntil(ctx, time.Now().Add(hurriedWait))
	}
	e, err := t.p.collector.Collect(ctx, &t.tx, src, policy.Given{})
	if err == nil {
		e.Hurried = ours()
	}
	return e, err
}

// dispose does what the verdict says. In observe mode all mail is relayed, and
// X-Mxgate-Verdict tells what would have happened.
func (t *transaction) dispose(ctx context.Context, content *wire.Content, e *policy.Evidence, v policy.Verdict) *smtp.SMTPError {
	rec := record{size: content.Size, evidence: e, verdict: v}
	var err error
	if rec.json, err = e.JSON(); err != nil {
		rec.outcome, rec.err = store.Deferred, err
		return t.end(ourFault, rec)
	}
	done := v.Disposition // what is done differs from the verdict in two cases
	switch {
	case t.p.cfg.Mode == config.Observe:
		done = policy.Relay
	case done == policy.Reject && t.toPostmaster():
		done = policy.Quarantine // SMTP-DUTIES E7
	}
	switch done {
	case policy.Relay, policy.Tag:
		return t.relay(ctx, content, rec)
	case policy.Quarantine:
		return t.quarantine(ctx, content, rec)
	case policy.Reject:
		rec.outcome = store.Refused
		return t.end(forVerdict(v, e, t.p.cfg.Policy.ShowSPFExplanation), rec)
	}
	t.p.waiting.deferred(&t.tx, rec.evidence, t.p.now())
	rec.outcome = store.Deferred
	return t.end(forVerdict(v, e, t.p.cfg.Policy.ShowSPFExplanation), rec)
}

func (t *transaction) toPostmaster() bool {
	for _, p := range t.tx.Envelope.ForwardPaths {
		if strings.EqualFold(p.Local, "postmaster") {
			return true
		}
	}
	return false
}

// relay hands the message on. The next hop's final answer is ours: I1.
func (t *transaction) relay(ctx context.Context, content *wire.Content, rec record) *smtp.SMTPError {
	block := headerBlock(t.p.cfg.Hostname, &t.tx, rec.evidence, rec.verdict, t.p.cfg.Mode) + guard(t.tx.Message)
	parts := append([]io.ReadSeeker{strings.NewReader(block)}, t.p.strip.kept(t.tx.Message, content)...)
	d := t.delivery
	t.delivery = nil // Send ends it
	r, err := d.Send(ctx, parts...)
	t.nextHop = cmp.Or(d.Host(), t.nextHop)
	if err != nil {
		t.failed(err)
	}
	final := forNextHop(r, err)
	if err == nil && !r.Positive() {
		err = fmt.Errorf("the next hop answered %s", said(r))
	}
	switch f, failed := errors.AsType[*relay.Failure](err); {
	case failed && f.AfterDot: // Uncertain, and garbage in place of the final reply
		t.p.metrics.uncertain.Inc()
		rec.outcome = store.Uncertain // I4
	case final.Code/100 == 2:
		rec.outcome = store.Relayed
	case final.Code/100 == 5:
		rec.outcome = store.Refused
	default:
		rec.outcome = store.Deferred
	}
	rec.err = err
	return t.end(final, rec)
}

// quarantine holds the message durably, then accepts it: I1.
func (t *transaction) quarantine(ctx context.Context, content *wire.Content, rec record) *smtp.SMTPError {
	t.release()
	if err := t.p.store.Quarantine(ctx, t.held(rec), io.NewSectionReader(content, 0, content.Size)); err != nil {
		t.p.metrics.faults.Inc()
		rec.outcome, rec.err = store.Deferred, err
		return t.end(forStore(err), rec)
	}
	rec.outcome = store.Quarantined
	return t.end(held, rec)
}

// routeName names the way, by which a release finds it again.
func (t *transaction) routeName() string {
	if t.route == nil {
		return ""
	}
	return t.route.Name
}

func (t *transaction) held(rec record) store.Held {
	return store.Held{
		ID: t.tx.ID, ReceivedAt: t.tx.ReceivedAt, Client: t.tx.Client.Addr, Helo: t.tx.Client.Helo, Source: t.tx.Client.Source,
		Envelope: t.tx.Envelope, Size: rec.size, Reason: string(rec.verdict.Reason), Sentence: rec.verdict.Sentence,
		MessageID: t.tx.Message.First("Message-ID"), Author: cmp.Or(rec.evidence.Author.Address, t.tx.Message.First("From")), Subject: t.tx.Message.First("Subject"),
		Evidence: rec.json, NextHop: t.routeName(), Trace: receivedField(t.p.cfg.Hostname, &t.tx),
	}
}

// Refused ends a transaction whose content could not be taken.
func (t *transaction) Refused(_ context.Context, why error) *smtp.SMTPError {
	r := forContent(why)
	outcome := store.Refused
	if r.Code < 500 {
		outcome = store.Deferred
	}
	rec := record{outcome: outcome, err: why}
	if u, ok := errors.AsType[*wire.Untaken](why); ok {
		rec.size, rec.err = u.Octets, inWords(u)
	}
	return t.end(r, rec)
}

// Abort ends a transaction without content: RSET, EHLO, QUIT, a lost client. If
// no recipient was accepted it was refused, and the journal says whom and how.
func (t *transaction) Abort(why string) {
	rec := record{outcome: store.Aborted, err: fmt.Errorf("ended before the content: %s", why)}
	defer func() { t.Answered(true) }() // nothing was acknowledged
	if t.refusal == nil || len(t.tx.Envelope.ForwardPaths) > 0 {
		t.end(&smtp.SMTPError{}, rec)
		return
	}
	rec.outcome, rec.err = store.Refused, fmt.Errorf("no recipient was accepted: %s", t.refusal.Message)
	if t.refusal.Code < 500 {
		rec.outcome = store.Deferred
	}
	t.tx.Envelope.ForwardPaths = t.refusedPaths()
	t.end(t.refusal, rec)
}

// Answered ends the transaction: its answer was written, and read as far as can
// be known. A client that left before it could read a 250 will send the message
// again, which is what uncertain means. SMTP-DUTIES I4, R12.
func (t *transaction) Answered(read bool) {
	if t.answer == nil {
		return
	}
	t.once.Do(func() {
		if !read && t.answer.Code/100 == 2 {
			t.p.metrics.uncertain.Inc()
			t.result.outcome = store.Uncertain
			t.result.err = errClientGone
		}
		t.p.record(t, t.answer, t.result)
	})
}

var errClientGone = errors.New("the client was gone before it read the acceptance")

// failed notes a failure of the next hop.
func (t *transaction) failed(err error) {
	class := "other"
	if f, ok := errors.AsType[*relay.Failure](err); ok {
		class = string(f.Class)
		switch f.Class {
		case relay.EightBit, relay.UTF8Lost, relay.TLSLost:
			t.p.offers.stale()
		}
	}
	t.p.metrics.nextHopFailures.WithLabelValues(class).Inc()
	t.result.failed(err)
	t.p.trouble.say(t.p.now(), "next hop failed", "tx", t.tx.ID, "next_hop", t.nextHop, "step", t.step(), "class", class, "err", nameless(err))
}

func (t *transaction) refusedPaths() []mail.Address {
	paths := make([]mail.Address, len(t.refused))
	for i, r := range t.refused {
		paths[i] = r.path
	}
	return paths
}
