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
	"mxgate/gateway/memory"
	"mxgate/gateway/resolve"
	"mxgate/policy"
	"mxgate/policy/dns"
	"mxgate/policy/mail"
	"mxgate/policy/provider"
	"mxgate/policy/received"
	"mxgate/policy/thread"
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
	// Memory asks the memory of Config as it is now, beside a gateway that may be
	// running. It is read once and never written. Without Rcpt the recipients are
	// those of ours whom To and Cc name: whom they correspond with counts.
	Memory  bool
	OnError func(error) // is told of trouble that keeps no message from being judged; nil: slog
}

// Explainer examines stored messages with the same code as live mail.
type Explainer struct {
	q         Question
	collector *policy.Collector
	image     *memory.Image // nil: the memory is not asked
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
	Memory      *Remembered        `json:"memory,omitempty"`    // if Question.Memory
	Unasked     string             `json:"unasked,omitempty"`   // what live mail is judged by as well and could not be asked here: SPF without a reverse-path
	Handed      *Handed            `json:"handed,omitempty"`    // judged as it was handed to this gateway, or to a mail server of ours
	Hint        string             `json:"hint,omitempty"`      // what may help, where the origin is not known
	Hangs       *Hangs             `json:"hangs,omitempty"`     // the verdict hangs on what was not found: Disposition and Reason say that it is open

	// For people; not in the JSON.
	Verdict policy.Verdict `json:"-"`
	Subject string         `json:"-"`
	To      string         `json:"-"`
}

// Remembered says of what memory a message was judged. Its names are a contract.
type Remembered struct {
	At         time.Time  `json:"at"`             // of this moment, and not of the one in which the message came
	Since      time.Time  `json:"since,omitzero"` // day of the first mail that it remembers; absent: it has learned from none yet
	Asked      bool       `json:"asked"`          // false: no single author to ask about, or what is held unread
	Recipients Recipients `json:"recipients"`     // whose they are that it was asked about: evidence.forward_paths
	Taught     bool       `json:"knows_message"`  // this message has taught it, or one that cites it: what is known of the author may come from there
}

// Recipients says who named the recipients that the memory was asked about.
type Recipients string

// The origins of recipients.
const (
	RecipientsGiven  Recipients = "given"
	RecipientsHeader Recipients = "to-and-cc"
	RecipientsNone   Recipients = "none"
)

// ErrNoHeader says that no header field can be read: whatever it is, it is not
// a message.
var ErrNoHeader = errors.New("holds no message: no header field can be read in it")

// NewExplainer prepares to answer q. It asks no memory unless Question.Memory: what
// is explained may be older than what is remembered now, and may have taught it.
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
	if q.Memory {
		if x.image, err = readMemory(cfg, q.OnError); err != nil {
			return nil, err
		}
		x.collector.Memory = x.image
	}
	x.source, err = chooseSource(cfg, q.Source)
	return x, err
}

// readMemory reads what the site remembers now.
func readMemory(cfg *config.Config, onError func(error)) (*memory.Image, error) {
	if !cfg.Memory.Enabled {
		return nil, fmt.Errorf("%s: memory.enabled = false: nothing is remembered that could be asked", cfg.File)
	}
	settings := memoryConfig(cfg)
	settings.OnError = onError
	image, err := memory.OpenImage(settings, time.Now())
	if err != nil {
		return nil, fmt.Errorf("%s: data_dir = %q: %w", cfg.File, cfg.DataDir, err)
	}
	return image, nil
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
	tx, src, given, err := x.transaction(m, content, &out)
	if err != nil {
		return out, err
	}
	if x.image != nil {
		out.Memory = x.remember(tx)
	}
	ctx, cancel := context.WithTimeout(resolve.Budget(ctx, lookupBudget), time.Minute)
	defer cancel()
	collector, asking := *x.collector, &asking{}
	if x.q.Trace {
		collector.Resolver = dns.Traced(collector.Resolver, time.Now, asking.note)
	}
	e, err := collector.Collect(ctx, tx, src, given)
	if err != nil {
		return out, err
	}
	x.nameless(e, src)
	if e.Origin.IP != "" {
		out.Hint = ""
	}
	out.Unasked = x.pathless(e, m)
	if out.Memory != nil {
		out.Memory.Asked = e.Thread.Author.Domain != ""
	}
	out.Verdict = policy.Decide(&x.rules, e)
	pathKnown := x.pathUnknown(e.ReversePath, m) == ""
	switch {
	case e.Origin.IP == "" && out.Handed == nil && (src.Name == "" || !x.asHanded(m)):
		out.Hangs, err = x.hangs(ctx, tx, src, e, pathKnown, &out.Verdict)
	case e.Origin.IP != "" && !pathKnown && e.Author.Ambiguous == "":
		out.Hangs, err = x.hangsOnPath(ctx, tx, src, given, e, &out.Verdict)
	}
	if err != nil {
		return out, err
	}
	out.MessageID, out.Subject, out.To = m.First("Message-ID"), m.First("Subject"), m.First("To")
	out.Disposition, out.Reason, out.Sentence, out.Findings = out.Verdict.Disposition, out.Verdict.Reason, out.Verdict.Sentence, out.Verdict.Findings
	out.Lifted, out.Questions, out.Evidence = out.Verdict.Lifted, asking.all(), *e
	return out, nil
}

// transaction is how m is judged: as it stands in the file or, if servers of ours had it
// since, as it was handed to them. The reverse-path is in both the one that a server
// behind us, or the provider, wrote down.
func (x *Explainer) transaction(m *mail.Message, content []byte, out *Explained) (*mail.Transaction, provider.Source, policy.Given, error) {
	tx := policy.FileTransaction(m, whenReceived(m))
	if x.q.MailSet {
		tx.Envelope.ReversePath = x.q.Mail
	}
	tx.Envelope.ForwardPaths = x.q.Rcpt
	src, given := x.source, policy.Given{Origin: x.q.Client, Helo: x.q.Helo, Peerless: true}
	h, hint := x.handedIn(m)
	if out.Hint = hint; h == nil {
		return tx, src, given, nil
	}
	var err error
	if tx.Message, err = h.asReceived(m, content); err != nil {
		return nil, src, given, err
	}
	tx.Client, tx.ReceivedAt, out.Handed = h.client, h.At, &h.Handed
	if x.q.Source == "" {
		src = h.source
	}
	if src.Origin == provider.OriginPeer && src.Name == h.source.Name {
		given.Peerless, src.Bind = false, nil // it is known who delivered his own mail; what binds him to us does not show in a file
	}
	return tx, src, given, nil
}

// remember says what memory tx is judged by, and names recipients if nobody has.
func (x *Explainer) remember(tx *mail.Transaction) *Remembered {
	conv := thread.Read(tx.Message)
	r := &Remembered{At: x.image.At(), Since: x.image.Since(), Recipients: RecipientsGiven, Taught: x.image.Knows(conv.ID)}
	if len(x.q.Rcpt) > 0 {
		return r
	}
	r.Recipients = RecipientsNone
	paths := &tx.Envelope.ForwardPaths
	for _, p := range conv.Parties {
		if (p.Where == thread.To || p.Where == thread.Cc) && !p.Address.IsNull() && slices.ContainsFunc(x.collector.Own, p.Domain.Within) && !slices.Contains(*paths, p.Address) {
			*paths, r.Recipients = append(*paths, p.Address), RecipientsHeader
		}
	}
	return r
}

// nameless says what to do about an origin that cannot be known because nobody
// said which provider's lines to believe: what the walk says is of no help then.
func (x *Explainer) nameless(e *policy.Evidence, src provider.Source) {
	if src.Name != "" || x.q.Client.IsValid() || e.Origin.IP != "" {
		return
	}
	e.Origin.Why = "no provider was named whose Received lines could be believed: name it with -source, or give the origin's address with -client"
	e.Path.Why = e.Origin.Why
	e.SPF.Why = "not evaluated, the origin is not known: " + e.Origin.Why
}

// pathless takes back what SPF said where the reverse-path is not known, and says
// so: it was asked for the HELO name, as for a null reverse-path, and live mail may
// fare better. Only a pass that proves the author stays: it is proof all the same.
func (x *Explainer) pathless(e *policy.Evidence, m *mail.Message) string {
	why := x.pathUnknown(e.ReversePath, m)
	if why == "" {
		return ""
	}
	why = "the reverse-path is not known: " + why
	switch {
	case e.DMARC.SPFAligned:
		return ""
	case e.Origin.IP == "":
		e.SPF.Why += "; and " + why
	default:
		e.SPF = policy.SPF{Result: mail.None, Identity: "mailfrom", Why: "not asked, " + why}
	}
	if e.DMARC.DKIMAligned {
		return ""
	}
	return why + "; SPF was not asked for it, so that the mail itself may have been judged better: -mail-from ADDRESS says the reverse-path (\"\" for a bounce)"
}

// pathUnknown says why the reverse-path of m is not known; "" if it is.
func (x *Explainer) pathUnknown(path string, m *mail.Message) string {
	switch {
	case x.q.MailSet || path != "":
		return ""
	case len(m.Named("Return-Path")) == 0:
		return "the file has no Return-Path"
	case strings.Trim(m.First("Return-Path"), "<> \t") == "":
		return "" // a bounce
	}
	return "its Return-Path cannot be read"
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
