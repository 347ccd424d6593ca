package gateway

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-smtp"

	"mxgate/gateway/store"
	"mxgate/policy"
)

// record is what becomes one journal row and one log line.
type record struct {
	outcome  store.Outcome
	size     int64
	evidence *policy.Evidence // nil if the content was never judged
	json     []byte           // evidence, as it is stored
	verdict  policy.Verdict
	err      error
	failures []string // of the next hop, before there was content
}

// maxFailuresTold bounds the failures of the next hop that a transaction tells of.
const maxFailuresTold = 3

// failed keeps a failure of the next hop for the journal: the log leaves out its words.
func (r *record) failed(err error) {
	if text := err.Error(); len(r.failures) < maxFailuresTold && !slices.Contains(r.failures, text) {
		r.failures = append(r.failures, text)
	}
}

// end gives the connection to the next hop back and returns the answer with the
// transaction id. What came of it is recorded when the answer was written.
func (t *transaction) end(r *smtp.SMTPError, rec record) *smtp.SMTPError {
	t.release()
	if t.answer == nil {
		rec.failures = t.result.failures
		t.answer, t.result = r, rec
	}
	return withID(r, t.tx.ID)
}

func (p *pipeline) record(t *transaction, r *smtp.SMTPError, rec record) {
	now := p.now()
	entry := store.Entry{
		ID: t.tx.ID, At: t.tx.ReceivedAt, Client: t.tx.Client.Addr, Helo: t.tx.Client.Helo, Source: t.tx.Client.Source,
		ReversePath: t.tx.Envelope.ReversePath, ForwardPaths: t.tx.Envelope.ForwardPaths, RefusedPaths: t.refusedPaths(), Size: rec.size, ReplyCode: r.Code, NextHop: t.nextHop,
		Outcome: rec.outcome, Duration: now.Sub(t.tx.ReceivedAt),
	}
	if r.Code > 0 {
		entry.Enhanced = enhanced(r)
	}
	disposition, reason := "none", "none"
	if t.tx.Message != nil {
		entry.MessageID = t.tx.Message.First("Message-ID")
	}
	if e := rec.evidence; e != nil {
		disposition, reason = rec.verdict.Disposition.String(), string(rec.verdict.Reason)
		entry.OriginIP, _ = netip.ParseAddr(e.Origin.IP) // "" is the zero Addr
		entry.Author = e.Author.Address
		entry.Disposition, entry.Reason = disposition, reason
		entry.Evidence, entry.Path, entry.Lifted = rec.json, string(e.Path.Verdict), whoLifted(rec.verdict.Lifted)
		p.metrics.judged(e, rec.verdict)
	}
	entry.Sentence = t.story(rec)
	p.learn(rec) // before the entry: who reads that may ask the memory
	p.store.Journal(entry)
	p.metrics.transactions.WithLabelValues(disposition, reason, string(rec.outcome)).Inc()
	p.metrics.octets.Add(float64(rec.size))
	p.logTransaction(t, entry, rec)
}

// maxRefusedTold bounds the recipients that were refused and are told of beside others.
const maxRefusedTold = 5

// story is what became of the message in words: why it was judged as it was, what then
// happened to it, how the next hop had failed before, and who of its recipients was
// refused while others were not.
func (t *transaction) story(rec record) string {
	var parts []string
	if rec.evidence != nil {
		parts = append(parts, rec.verdict.Sentence)
	}
	switch {
	case rec.err != nil && rec.evidence != nil:
		outcome := string(rec.outcome)
		parts = append(parts, strings.ToUpper(outcome[:1])+outcome[1:]+": "+rec.err.Error()+".")
	case rec.err != nil:
		parts = append(parts, rec.err.Error())
	}
	for _, text := range rec.failures {
		if rec.err == nil || text != rec.err.Error() {
			parts = append(parts, "The next hop failed: "+text+".")
		}
	}
	if n := len(t.refused); n > 0 && t.tx.Message != nil {
		var told []string
		for _, r := range t.refused[:min(n, maxRefusedTold)] {
			told = append(told, fmt.Sprintf("<%s>: %d %s %s", r.path, r.answer.Code, enhanced(r.answer), r.answer.Message))
		}
		if n > maxRefusedTold {
			told = append(told, fmt.Sprintf("and %d more", n-maxRefusedTold))
		}
		parts = append(parts, "Refused were "+strings.Join(told, "; ")+".")
	}
	return strings.Join(parts, " ")
}

// logTransaction writes the one Info line. Local parts, subjects and bodies
// never reach the log: STYLE, Section 7.
func (p *pipeline) logTransaction(t *transaction, entry store.Entry, rec record) {
	ctx := context.Background()
	if !p.log.Enabled(ctx, slog.LevelInfo) {
		return
	}
	attrs := []slog.Attr{
		slog.String("tx", entry.ID), slog.String("client_ip", entry.Client.String()), slog.String("source", entry.Source), slog.String("helo", entry.Helo),
		slog.String("reverse_path_domain", string(entry.ReversePath.Domain)), slog.Int("rcpt_count", len(entry.ForwardPaths)),
		slog.Int64("size_octets", entry.Size), slog.Bool("tls", t.tx.Client.TLS),
		slog.String("outcome", string(entry.Outcome)), slog.Int("reply_code", entry.ReplyCode), slog.String("enhanced_code", entry.Enhanced),
		slog.String("next_hop", entry.NextHop), slog.Duration("duration", entry.Duration.Round(time.Microsecond)),
	}
	if rec.evidence != nil {
		attrs = append(attrs, slog.String("origin_ip", rec.evidence.Origin.IP), slog.String("path", entry.Path), slog.String("author_domain", string(rec.evidence.Author.Domain)),
			slog.String("disposition", entry.Disposition), slog.String("reason", entry.Reason))
		if entry.Lifted != "" {
			attrs = append(attrs, slog.String("lifted", entry.Lifted))
		}
	}
	if rec.err != nil {
		attrs = append(attrs, slog.String("err", withoutAnswer(nameless(rec.err), t.answer.Message)))
	}
	p.log.LogAttrs(ctx, slog.LevelInfo, "transaction", attrs...)
}

// step is what the next hop was asked for when it failed: a connection, a recipient (MAIL
// goes with the first), or to take the content.
func (t *transaction) step() string {
	switch {
	case t.tx.Message != nil:
		return "data"
	case t.delivery == nil:
		return "connect"
	}
	return "rcpt"
}

// whoLifted says which reasons do not count, and who is believed: "dmarc-fail by
// lists.example".
func whoLifted(lifts []policy.Lift) string {
	words := make([]string, len(lifts))
	for i, l := range lifts {
		words[i] = string(l.Reason) + " by " + l.Name
	}
	return strings.Join(words, ", ")
}
