package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"mxgate/gateway/config"
	"mxgate/gateway/resolve"
	"mxgate/policy"
	"mxgate/policy/dns"
	"mxgate/policy/mail"
	"mxgate/policy/provider"
	"mxgate/policy/received"
)

// Question says how stored messages are to be examined.
type Question struct {
	Config *config.Config // nil: no own domains, nothing protected
	// Source names a source of the configuration, or a provider of the
	// catalogue. Empty: the only source, or none.
	Source  string
	Client  netip.Addr // overrides the recovery of the origin
	Helo    string
	DNS     string       // resolver to ask, ADDRESS or ADDRESS:PORT; empty: the configured one
	MailSet bool         // MailFrom was given
	Mail    mail.Address // reverse-path; the zero Address is the null reverse-path
	Rcpt    []mail.Address
	Trace   bool // tell every DNS question
}

// Explainer examines stored messages with the same code as live mail.
type Explainer struct {
	q         Question
	collector *policy.Collector
	source    provider.Source
	rules     policy.Rules
}

// Explained is one line of `mxgate explain -json`. Its names are a contract.
type Explained struct {
	File        string             `json:"file"`
	Index       int                `json:"index"` // of the message in the file, from 1
	MessageID   string             `json:"message_id"`
	Disposition policy.Disposition `json:"disposition"`
	Reason      policy.Reason      `json:"reason"`
	Sentence    string             `json:"sentence"`
	Evidence    policy.Evidence    `json:"evidence"`
	Findings    []policy.Finding   `json:"findings"`
	Lifted      []policy.Lift      `json:"lifted,omitempty"`
	Questions   []Asked            `json:"questions,omitempty"` // of DNS, in the order of their answers; if Question.Trace

	// For people; not in the JSON.
	Verdict policy.Verdict `json:"-"`
	Subject string         `json:"-"`
	To      string         `json:"-"`
}

// ErrNoHeader says that no header field can be read: whatever it is, it is not
// a message.
var ErrNoHeader = errors.New("holds no message: no header field can be read in it")

// NewExplainer prepares to answer q. It asks no memory: what is explained may be
// older than what is remembered now, and may have taught it.
func NewExplainer(q Question) (*Explainer, error) {
	cfg := q.Config
	if cfg == nil {
		cfg = config.Default()
		cfg.File = "explain"
	}
	x := &Explainer{q: q, rules: cfg.Rules}
	r, err := NewResolver(cfg, q.DNS)
	if err != nil {
		return nil, err
	}
	x.collector = newCollector(cfg, r, nil)
	x.source, err = chooseSource(cfg, q.Source)
	return x, err
}

func chooseSource(cfg *config.Config, name string) (provider.Source, error) {
	if cfg.SourceSet != nil {
		if src, ok := cfg.SourceSet.Named(name); ok {
			return src, nil
		}
		if all := cfg.SourceSet.All(); name == "" && len(all) == 1 {
			return all[0], nil
		}
	}
	if entry, ok := provider.Lookup(name); ok {
		return provider.Source{Name: entry.ID, Provider: entry.ID, Origin: provider.OriginTrace}, nil
	}
	if name == "" {
		return provider.Source{Origin: provider.OriginTrace}, nil
	}
	return provider.Source{}, fmt.Errorf("-source %q: expected the name of a [[source]] in the configuration or a provider of the catalogue: %s", name, strings.Join(provider.IDs(), ", "))
}

// Explain examines one message, number n of file.
func (x *Explainer) Explain(ctx context.Context, file string, n int, content []byte) (Explained, error) {
	out := Explained{File: file, Index: n}
	m, err := mail.ParseMessage(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return out, err
	}
	if !slices.ContainsFunc(m.Fields, func(f mail.Field) bool { return f.Name != "" }) {
		return out, ErrNoHeader
	}
	tx := policy.FileTransaction(m, whenReceived(m))
	if x.q.MailSet {
		tx.Envelope.ReversePath = x.q.Mail
	}
	tx.Envelope.ForwardPaths = x.q.Rcpt
	ctx, cancel := context.WithTimeout(resolve.Budget(ctx, lookupBudget), time.Minute)
	defer cancel()
	collector, asking := *x.collector, &asking{}
	if x.q.Trace {
		collector.Resolver = dns.Traced(collector.Resolver, time.Now, asking.note)
	}
	e, err := collector.Collect(ctx, tx, x.source, policy.Given{Origin: x.q.Client, Helo: x.q.Helo, Peerless: true})
	if err != nil {
		return out, err
	}
	x.nameless(e)
	out.Verdict = policy.Decide(&x.rules, e)
	out.MessageID, out.Subject, out.To = m.First("Message-ID"), m.First("Subject"), m.First("To")
	out.Disposition, out.Reason, out.Sentence, out.Findings = out.Verdict.Disposition, out.Verdict.Reason, out.Verdict.Sentence, out.Verdict.Findings
	out.Lifted, out.Questions, out.Evidence = out.Verdict.Lifted, asking.all(), *e
	return out, nil
}

// nameless says what to do about an origin that cannot be known because nobody
// said which provider's lines to believe: what the walk says is of no help then.
func (x *Explainer) nameless(e *policy.Evidence) {
	if x.source.Name != "" || x.q.Client.IsValid() || e.Origin.IP != "" {
		return
	}
	e.Origin.Why = "no provider was named whose Received lines could be believed: name it with -source, or give the origin's address with -client"
	e.Path.Why = e.Origin.Why
	e.SPF.Why = "not evaluated, the origin is not known: " + e.Origin.Why
}

// whenReceived is when the message was handed over last: signatures are judged
// as of then. Without a readable date it is now.
func whenReceived(m *mail.Message) time.Time {
	for _, hop := range received.Hops(m) {
		if !hop.Time.IsZero() {
			return hop.Time
		}
	}
	return time.Now()
}
