package trace

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	netmail "net/mail"
	"slices"
	"time"

	"mxgate/policy/authres"
	"mxgate/policy/dns"
	"mxgate/policy/mail"
	"mxgate/policy/provider"
	"mxgate/policy/received"
)

// ErrNoHeader says that no header field can be read in a message.
var ErrNoHeader = errors.New("holds no message: no header field can be read in it")

// defectCut is told of a header section that exceeds a limit of policy/mail.
const defectCut = "the header is too long: only its beginning was read"

// Tracer traces messages. It may be used by one goroutine at a time.
type Tracer struct {
	config   *Config
	resolver dns.Resolver // nil: no key is asked for
	log      *Log
	mask     *mask // nil: addresses are shown
}

// Options of New.
type Options struct {
	Resolver  dns.Resolver // for the keys of ARC; nil: seals are not verified
	Log       *Log         // of our servers; may be nil
	Pseudonym bool         // local parts of addresses become pseudonyms that hold for this Tracer
}

// New returns a Tracer for our side as c knows it.
func New(c *Config, o Options) *Tracer {
	t := &Tracer{config: c, resolver: o.Resolver, log: o.Log}
	if o.Pseudonym {
		t.mask = newMask()
	}
	return t
}

// Input is one message with what is known of where it was found.
type Input struct {
	File       string
	Number     int
	Part       int
	Offset     int64
	Provenance string
	Attached   bool // its bytes came from whoever wrote the message around it
	Content    []byte
	Damage     []string // what had to be mended
}

// Trace traces one message. It fails if the input is none.
func (t *Tracer) Trace(ctx context.Context, in Input) (Traced, error) {
	m, err := mail.ParseMessage(bytes.NewReader(in.Content), int64(len(in.Content)))
	cut := errors.Is(err, mail.ErrHeaderLimit) // else whoever writes a long header would never be seen
	if err != nil && !cut {
		return Traced{}, err
	}
	if !slices.ContainsFunc(m.Fields, func(f mail.Field) bool { return f.Name != "" }) {
		return Traced{}, cmp.Or(err, ErrNoHeader)
	}
	hops := received.Hops(m)
	j := judgement{t: t, m: m, hops: hops, border: t.config.findBorder(m, hops), most: 100}
	if j.verdict == "" {
		j.classify(ctx)
	} else if j.at >= 0 {
		j.ourOwn()
	}
	if len(in.Damage) > 0 {
		j.point("damaged", weightDamage, -1, "the header was mended: %s", join(in.Damage))
		j.most = capDamaged
	}
	if in.Attached {
		j.point("attached", 0, -1, "it came inside another message, whose author could write what he liked")
		j.most = capDamaged
	}
	if cut {
		j.point("header-limit", 0, -1, "only the beginning of the header was read: %v", err)
		if !j.verdict.Found() { // what was not read can only speak for the client
			j.most = min(j.most, capDamaged)
		}
	}
	out := j.traced()
	if cut {
		out.Defects = append(out.Defects, defectCut)
	}
	sum := sha256.Sum256(in.Content[:m.HeaderOctets])
	out.File, out.Number, out.Part, out.Offset, out.Provenance, out.SHA256 = in.File, in.Number, in.Part, in.Offset, in.Provenance, hex.EncodeToString(sum[:])
	out.Defects = append(out.Defects, in.Damage...)
	return out, nil
}

// ourOwn notes what speaks for a message that no client outside handed to us.
func (j *judgement) ourOwn() {
	h := &j.hops[j.at]
	if j.verdict == Fetched {
		j.point("fetched", weightOwnHop, h.Field, "the hop was written by the program that fetched it")
	}
	if j.verdict != Internal {
		return
	}
	j.peer, j.when = h.IP, h.Time
	j.point("own-boundary", weightOwnHop, h.Field, "the oldest hop is of our own server %s", quoted(h.By))
	if j.firm {
		j.point("own-client", weightRangeFirm, h.Field, "its client is ours")
	} else {
		j.point("private-client", weightRangesUnknown, h.Field, "its client has a private address that is in none of our networks: a proxy or NAT in front of the server would look the same")
	}
}

// traced puts the judgement into what is told.
func (j *judgement) traced() Traced {
	out := Traced{Verdict: j.verdict, Reason: j.reason, Why: j.why, Propose: j.propose, Defects: []string{}, Recipients: []string{}}
	out.Contradictions = append([]string{}, j.contradictions...)
	out.Hops, out.Legs = j.describe()
	if j.at >= 0 {
		h := &j.hops[j.at]
		out.Boundary = len(j.hops) - j.at
		out.BoundaryID = quoted(h.ID)
		if j.peer.IsValid() {
			out.Peer = &Peer{IP: j.peer.String(), Helo: quoted(h.Helo), RDNS: quoted(j.name), addr: j.peer}
		}
	}
	if j.source != nil {
		out.Source, out.Provider = j.source.Name, j.source.Provider
	} else if j.permit != nil {
		out.Source = j.permit.Name
	}
	out.gap = j.gap
	out.Client = j.client()
	out.Auth = j.auth()
	out.Evidence = append([]Point{}, j.points...)
	out.Confidence = j.confidence()
	out.Band = band(out.Confidence)
	out.Time = j.time()
	j.header(&out)
	return out
}

// confidence is the sum of the weights, within bounds. What is not determined
// has none.
func (j *judgement) confidence() int {
	if j.verdict == Undetermined {
		return 0
	}
	sum := 0
	for _, p := range j.points {
		sum += p.Weight
	}
	return min(max(sum, 0), j.most)
}

// client is who handed the message to the provider, or to us if there is none.
func (j *judgement) client() *Client {
	switch {
	case j.source != nil && j.origin.IP.IsValid():
		return &Client{IP: j.origin.IP.String(), Method: j.origin.Method, Confidence: string(j.origin.Confidence), Class: string(j.origin.Class), Why: j.origin.Why}
	case j.source != nil:
		return &Client{Method: received.MethodNone, Confidence: string(received.None), Class: string(j.origin.Class), Why: j.origin.Why}
	case (j.verdict == Direct || j.verdict == PermittedDirect) && j.peer.IsValid():
		return &Client{IP: j.peer.String(), Method: "peer", Confidence: string(received.High), Class: string(received.Outside), Why: "the peer is the client"}
	}
	return nil
}

// time is when the message came to us, or the best that is known.
func (j *judgement) time() *time.Time {
	t, known := j.when, j.hops
	if j.at >= 0 {
		known = j.hops[:j.at+1] // older ones are the client's
	}
	for i := 0; t.IsZero() && i < len(known); i++ {
		t = known[i].Time
	}
	if t.IsZero() {
		if d, err := netmail.ParseDate(j.m.First("Date")); err == nil {
			t = d
		}
	}
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// auth is what our servers found, or the provider if ours wrote nothing.
func (j *judgement) auth() Auth {
	if j.at < 0 || j.verdict == Undetermined {
		return Auth{}
	}
	if fields := j.ownFields(); len(fields) > 0 {
		return authOf(fields, "own")
	}
	if j.source != nil && j.origin.Field > j.hops[j.at].Field && len(j.source.entry.AuthservIDs) > 0 {
		return authOf(authres.Trusted(j.m, j.origin.Field, j.source.entry.AuthservIDs), "provider:"+j.source.Name)
	}
	return Auth{}
}

func authOf(fields []authres.Field, source string) Auth {
	var a Auth
	for _, f := range fields {
		for _, method := range f.Methods {
			var result *string
			switch method.Name {
			case "spf":
				result = &a.SPF
			case "dkim":
				result = &a.DKIM
			case "dmarc":
				result = &a.DMARC
			case "arc":
				result = &a.ARC
			}
			// Of several signatures one that passes counts.
			if result != nil && (*result == "" || method.Status == mail.Pass) {
				*result = quoted(string(method.Status))
				a.Source = source
			}
		}
	}
	return a
}

// authservIDs are the names under which our servers, or the mailbox service at
// the border, write results. What stands above the border they wrote, whatever
// the name; it tells theirs from those of filters in between.
func (j *judgement) authservIDs() []string {
	if service := j.service[j.at]; service != "" {
		e, _ := provider.Lookup(service)
		return e.AuthservIDs
	}
	ids := j.t.config.authservIDs()
	for i := range j.at + 1 {
		ids = append(ids, j.hops[i].By)
	}
	return ids
}

func join(words []string) string {
	text := ""
	for i, w := range words {
		if i > 0 {
			text += "; "
		}
		text += w
	}
	return text
}

// header takes over what the message says about itself.
func (j *judgement) header(out *Traced) {
	m := j.m
	out.MessageID = quoted(m.First("Message-ID"))
	out.Date = quoted(m.First("Date"))
	a := mail.ParseAuthor(m)
	switch {
	case !a.Address.IsNull():
		out.From = j.t.mask.address(a.Address)
		out.fromDomain = string(a.Address.Domain)
	case len(a.Candidates) > 0:
		out.fromDomain = string(a.Candidates[0])
		out.From = fmt.Sprintf("? (%s)", quoted(a.Ambiguous))
	}
	for _, r := range j.recipients() {
		out.Recipients = append(out.Recipients, j.t.mask.address(r))
		if out.RcptDomain == "" {
			out.RcptDomain = string(r.Domain)
		}
	}
	for _, h := range j.hops {
		for _, d := range h.Defects {
			if !slices.Contains(out.Defects, d) {
				out.Defects = append(out.Defects, d)
			}
		}
	}
}
