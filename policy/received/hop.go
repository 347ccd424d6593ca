// Package received reads the Received fields of a message and finds out who
// handed it to the provider that delivers to us.
//
// Parse turns one field into a Hop, whichever of the many shapes its writer
// used; Walk goes from the newest hop to the provider's border and returns the
// client seen there, or why it cannot be known. RFC 5321, Section 4.4, and the
// shapes in use that it does not describe.
//
// Received is text that anyone may write. Walk believes a hop because of the
// host that wrote it (`by`) and because every hop above it was believed; it
// never steps over what it cannot read, and says "none" instead of guessing.
// Find weighs what Walk found against what the provider states in a field of its
// own above that hop. Signatures are not checked here: Sealed only reads what
// somebody else has verified.
package received

import (
	"bytes"
	"net/netip"
	"time"

	"mxgate/policy/mail"
)

// Limits. What exceeds them is cut off and marked as a defect, so that a field
// costs little however long it is.
const (
	maxHops        = 100
	maxFieldOctets = 8 << 10
	maxComments    = 64
	maxTokens      = 256
	maxFor         = 16
)

// Kind says what sort of hand-over a Hop records.
type Kind string

// The kinds. Local and Internal hops have no network client that could be an
// origin; NoIP and Garbage end every walk that wants proof.
const (
	SMTP     Kind = "smtp"     // from a network client with an address
	Local    Kind = "local"    // submitted on the machine itself
	NoIP     Kind = "noip"     // from the network, but which address is not said, or not believable
	Internal Kind = "internal" // within one system: pipe, LMTP, store, loopback
	Garbage  Kind = "garbage"  // not readable
)

// Hop is one Received field, read.
type Hop struct {
	Kind    Kind
	Helo    string     // what the client called itself; a literal with its brackets
	RDNS    string     // name the writer found for the client, without trailing dot; "" if none
	IP      netip.Addr // of the client, without zone or IPv4 mapping
	By      string     // who wrote the field, as written; "" if absent or if there is a second claim to it
	ByIP    netip.Addr
	Program string // what the writer calls itself, in the comment behind By; without By the comment in front
	Proto   string // "ESMTP", "LMTP", "MAPI"; upper case
	TLS     bool
	Auth    bool
	ID      string
	For     []string // at most 16, without angle brackets
	EnvFrom string
	Ident   string // user part before the address, RFC 1413 or so
	Time    time.Time
	// Ambiguous says that two different addresses could be the client's; IP is
	// then zero.
	Ambiguous bool
	Defects   []string
	Field     int // index into Message.Fields; -1 if not from a message

	from      bool // a client is named
	outsiders outsiders
}

// Hops reads the Received fields of m, newest first, at most 100. Only the exact
// field name counts: X-Received and Received-SPF are other people's texts.
func Hops(m *mail.Message) []Hop {
	var hops []Hop
	var text []byte
	for i, f := range m.Fields {
		if !f.Is("Received") {
			continue
		}
		if len(hops) == maxHops {
			break
		}
		var p parser
		text = unfold(&p, value(f), text)
		h := p.read()
		h.Field = i
		hops = append(hops, h)
	}
	for i := range hops {
		if i+1 < len(hops) && !hops[i].Time.IsZero() && hops[i].Time.Before(hops[i+1].Time) {
			hops[i].Defects = append(hops[i].Defects, DefectBackwards)
		}
	}
	return hops
}

// value is the value of f with its folding, which unfold takes out: Field.Value
// would copy what is then copied again.
func value(f mail.Field) []byte {
	_, v, _ := bytes.Cut(f.Raw, []byte(":"))
	return bytes.Trim(bytes.TrimSuffix(bytes.TrimSuffix(v, []byte("\n")), []byte("\r")), " \t")
}

// Defects that Parse and Hops note. They are words for people; nothing but the
// confidence of a walk hangs on one.
const (
	DefectCut         = "cut off at a limit"
	DefectControl     = "control character"
	Defect8Bit        = "8-bit character"
	DefectOpenComment = "comment never closed"
	DefectParenthesis = "parenthesis never opened"
	DefectTwoBy       = "more than one \"by\""
	DefectTwoFrom     = "more than one \"from\""
	DefectForgedName  = "name of the client not confirmed"
	DefectNoDate      = "no date"
	DefectDate        = "date not readable"
	DefectSemicolon   = "date without semicolon"
	DefectZone        = "time zone not known"
	DefectYear        = "year not plausible"
	DefectLeapSecond  = "leap second"
	DefectFetched     = "fetched from a mailbox, not sent by SMTP"
	DefectBackwards   = "earlier than the hop before it"
)
