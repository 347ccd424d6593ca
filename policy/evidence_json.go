package policy

import (
	"bytes"
	"reflect"
	"sync"

	"mxgate/policy/provider"
)

// JSON returns e as encoding/json writes it, octet for octet, at half the cost:
// every message is journalled with its evidence. What few messages have is left
// to encoding/json.
//
// A test holds both equal for whatever the fields contain; who adds a field to
// Evidence meets it there.
func (e *Evidence) JSON() ([]byte, error) {
	w := jsonWriters.Get().(*jsonWriter)
	w.b, w.err = w.b[:0], nil
	w.evidence(e)
	text, err := bytes.Clone(w.b), w.err
	if cap(w.b) <= maxKeptJSON {
		jsonWriters.Put(w)
	}
	return text, err
}

var jsonWriters = sync.Pool{New: func() any { return new(jsonWriter) }}

// maxKeptJSON bounds what one writer holds between two messages.
const maxKeptJSON = 16 << 10

func (w *jsonWriter) evidence(e *Evidence) {
	w.open()
	w.text("source", e.Source)
	w.path(&e.Path)
	w.origin(&e.Origin)
	w.spf(&e.SPF)
	w.key("dkim")
	w.list(e.DKIM == nil, len(e.DKIM), func(i int) { w.signature(&e.DKIM[i]) })
	w.arc(&e.ARC)
	w.dmarc(&e.DMARC)
	w.author(&e.Author)
	w.key("lookalike")
	w.list(e.Lookalike == nil, len(e.Lookalike), func(i int) { w.lookalike(&e.Lookalike[i]) })
	w.thread(&e.Thread)
	if len(e.Provider) > 0 {
		w.other("provider", e.Provider)
	}
	w.text("reverse_path", e.ReversePath)
	w.texts("forward_paths", e.ForwardPaths)
	w.time("received_at", e.ReceivedAt)
	w.some("own_domain", string(e.OwnDomain))
	if e.Impersonated != nil {
		w.other("impersonated", e.Impersonated)
	}
	w.some("unscannable", e.Unscannable)
	w.count("waited_for_ns", int64(e.WaitedFor))
	w.flag("hurried", e.Hurried)
	w.close()
}

func (w *jsonWriter) path(p *Path) {
	w.openAt("path")
	w.text("verdict", string(p.Verdict))
	w.text("source", p.Source)
	w.some("provider", p.Provider)
	if t := &p.Tenancy; *t != (provider.Tenancy{}) {
		w.openAt("tenancy")
		w.text("state", string(t.State))
		w.some("kind", string(t.Kind))
		w.some("why", t.Why)
		w.close()
	}
	w.text("why", p.Why)
	w.count("field", int64(p.Field))
	w.close()
}

func (w *jsonWriter) origin(o *Origin) {
	w.openAt("origin")
	w.text("ip", o.IP)
	w.text("helo", o.Helo)
	w.text("method", o.Method)
	w.text("confidence", o.Confidence)
	w.text("why", o.Why)
	w.flag("hop_missing", o.HopMissing)
	w.close()
}

func (w *jsonWriter) spf(s *SPF) {
	w.openAt("spf")
	w.text("result", string(s.Result))
	w.text("domain", s.Domain)
	w.text("identity", s.Identity)
	w.some("why", s.Why)
	w.some("term", s.Term)
	w.some("explanation", s.Explanation)
	if h := &s.Helo; *h != (Helo{}) {
		w.openAt("helo")
		w.text("result", string(h.Result))
		w.text("domain", h.Domain)
		w.some("why", h.Why)
		w.close()
	}
	w.close()
}

func (w *jsonWriter) signature(s *DKIM) {
	w.open()
	w.text("result", string(s.Result))
	w.text("domain", string(s.Domain))
	w.text("selector", s.Selector)
	w.some("algorithm", s.Algorithm)
	w.some("b", s.B)
	w.some("why", s.Why)
	w.some("breakage", s.Breakage)
	w.flag("testing", s.Testing)
	w.close()
}

func (w *jsonWriter) arc(a *ARC) {
	w.openAt("arc")
	w.text("result", string(a.Result))
	w.some("why", a.Why)
	w.count("oldest_pass", int64(a.OldestPass))
	if len(a.Sets) > 0 {
		w.other("sets", a.Sets)
	}
	w.close()
}

func (w *jsonWriter) dmarc(d *DMARC) {
	w.openAt("dmarc")
	w.text("result", string(d.Result))
	w.text("domain", string(d.Domain))
	w.text("policy", d.Policy)
	w.truth("spf_aligned", d.SPFAligned)
	w.truth("dkim_aligned", d.DKIMAligned)
	w.some("why", d.Why)
	w.some("organizational", string(d.Organizational))
	w.some("dkim_domain", string(d.DKIMDomain))
	if p := &d.Published; *p != (Published{}) {
		w.openAt("published")
		w.text("p", p.P)
		w.some("sp", p.SP)
		w.some("np", p.NP)
		w.text("adkim", p.ADKIM)
		w.text("aspf", p.ASPF)
		w.text("t", p.T)
		w.text("psd", p.PSD)
		w.text("fo", p.FO)
		w.some("rua", p.RUA)
		w.close()
	}
	w.flag("lowered", d.Lowered)
	w.some("evaluated", d.Evaluated)
	if len(d.Faults) > 0 {
		w.texts("faults", d.Faults)
	}
	w.close()
}

func (w *jsonWriter) author(a *Author) {
	w.openAt("author")
	w.text("address", a.Address)
	w.text("domain", string(a.Domain))
	w.some("display", a.Display)
	w.domains("candidates", a.Candidates)
	w.some("ambiguous", a.Ambiguous)
	if len(a.From) > 0 {
		w.texts("from", a.From)
	}
	if a.Protected != nil {
		w.other("protected", a.Protected)
	}
	if len(a.Sender) > 0 {
		w.domains("sender", a.Sender)
	}
	if len(a.ResentFrom) > 0 {
		w.domains("resent_from", a.ResentFrom)
	}
	w.close()
}

func (w *jsonWriter) lookalike(l *Lookalike) {
	w.open()
	w.text("domain", string(l.Domain))
	w.text("target", string(l.Target))
	w.text("class", l.Class)
	w.number("confidence", int64(l.Confidence))
	w.text("why", l.Why)
	w.text("where", l.Where)
	w.truth("own", l.Own)
	w.truth("alone", l.Alone)
	w.flag("same_owner", l.SameOwner)
	w.close()
}

func (w *jsonWriter) thread(t *Thread) {
	w.openAt("thread")
	w.flag("reply", t.Reply)
	w.flag("list", t.List)
	w.flag("report", t.Report)
	w.flag("personal", t.Personal)
	w.count("cited", int64(t.Cited))
	w.some("unread", t.Unread)
	w.flag("joins", t.Joins)
	w.moment("memory_since", t.MemorySince)
	if a := &t.Author; !reflect.ValueOf(a).Elem().IsZero() {
		w.openAt("author")
		w.text("domain", string(a.Domain))
		w.text("state", string(a.State))
		w.moment("first", a.First)
		w.moment("last", a.Last)
		w.count("messages", int64(a.Messages))
		w.count("to_us", int64(a.ToUs))
		w.some("shadow_of", string(a.ShadowOf))
		if len(a.Contested) > 0 {
			w.domains("contested", a.Contested)
		}
		w.flag("imported", a.Imported)
		if len(a.ProvenFor) > 0 {
			w.domains("proven_for", a.ProvenFor)
		}
		w.close()
	}
	if t.Known != nil {
		w.other("known", t.Known)
	}
	if len(t.Parties) > 0 {
		w.key("parties")
		w.list(false, len(t.Parties), func(i int) { w.party(&t.Parties[i]) })
	}
	if len(t.Named) > 0 {
		w.other("named", t.Named)
	}
	w.flag("twin", t.Twin)
	w.flag("name_known", t.NameKnown)
	if len(t.Similar) > 0 {
		w.key("similar")
		w.list(false, len(t.Similar), func(i int) { w.similar(&t.Similar[i]) })
	}
	if len(t.Added) > 0 {
		w.key("added")
		w.list(false, len(t.Added), func(i int) { w.similar(&t.Added[i]) })
	}
	if t.ReplyTo != nil {
		w.other("reply_to", t.ReplyTo)
	}
	if p := &t.Payment; p.Words != nil || p.Accounts != nil || p.Changed != nil || p.Known != nil {
		w.other("payment", p)
	}
	if len(t.Decisions) > 0 {
		w.other("decisions", t.Decisions)
	}
	w.close()
}

func (w *jsonWriter) party(p *Party) {
	w.open()
	w.text("domain", string(p.Domain))
	w.texts("where", p.Where)
	w.some("state", string(p.State))
	w.moment("since", p.Since)
	w.flag("joined", p.Joined)
	w.close()
}

func (w *jsonWriter) similar(s *Similar) {
	w.open()
	w.text("domain", string(s.Domain))
	w.text("target", string(s.Target))
	w.some("as", string(s.As))
	w.text("where", s.Where)
	w.text("relation", string(s.Relation))
	w.text("class", s.Class)
	w.number("confidence", int64(s.Confidence))
	w.text("why", s.Why)
	w.some("state", string(s.State))
	w.moment("since", s.Since)
	w.some("target_state", string(s.TargetState))
	w.moment("target_since", s.TargetSince)
	w.count("target_to_us", int64(s.TargetToUs))
	w.flag("target_vouched", s.TargetVouched)
	if len(s.Shown) > 0 {
		w.texts("shown", s.Shown)
	}
	w.flag("same_local", s.SameLocal)
	w.flag("same_owner", s.SameOwner)
	w.flag("acquainted", s.Acquainted)
	w.flag("kin", s.Kin)
	w.close()
}
