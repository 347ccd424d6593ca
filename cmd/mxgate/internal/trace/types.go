package trace

import (
	"net/netip"
	"time"
)

// Traced is what is told of one message: a line of `mxgate trace -json`. Its
// names are a contract and stand in alphabetical order. All texts of the message
// are cut and free of what a terminal obeys.
type Traced struct {
	Auth           Auth     `json:"auth"`
	Band           string   `json:"band"`
	BoundaryID     string   `json:"boundary_id"`    // queue id at our border
	Boundary       int      `json:"boundary_index"` // Index of the hop at our border; 0: there is none
	Confidence     int      `json:"confidence"`     // 0 to 100
	Contradictions []string `json:"contradictions"`
	Copy           bool     `json:"copy"` // of a message that was told of: the same Message-ID and border
	Date           string   `json:"date"` // as the header has it
	Defects        []string `json:"defects"`
	Evidence       []Point  `json:"evidence"`
	File           string   `json:"file"`
	From           string   `json:"from"`
	Hops           []Hop    `json:"hops"` // oldest first
	Number         int      `json:"index"`
	Legs           Legs     `json:"legs"`
	MessageID      string   `json:"message_id"`
	Offset         int64    `json:"offset"`
	Client         *Client  `json:"original_client"`
	Part           int      `json:"part"` // n: the n-th message attached in that message
	Peer           *Peer    `json:"peer"`
	Propose        string   `json:"propose_range"` // an address of the provider that its ranges lack
	Provenance     string   `json:"provenance"`
	Provider       string   `json:"provider"` // id in the catalogue
	RcptDomain     string   `json:"rcpt_domain"`
	Reason         string   `json:"reason"` // of an undetermined one
	Recipients     []string `json:"recipients"`
	SHA256         string   `json:"sha256"` // of the header section with CRLF
	Source         string   `json:"source"` // name in the configuration
	// Time is when the message came to us, in UTC; without that when it was
	// under way.
	Time    *time.Time `json:"time"`
	Verdict Verdict    `json:"verdict"`
	Why     string     `json:"why"`

	fromDomain string
	gap        *gap // nil: a provider was in force
}

// Hop is one Received field.
type Hop struct {
	By          string     `json:"by"`
	Defects     []string   `json:"defects"`
	Delay       *float64   `json:"delay"` // seconds since the older hop; below zero if clocks disagree
	From        string     `json:"from"`  // what the client called itself
	HeaderIndex int        `json:"header_index"`
	ID          string     `json:"id"`
	Index       int        `json:"index"` // 1 is the oldest
	IP          string     `json:"ip"`
	Kind        string     `json:"kind"`
	Link        string     `json:"link"`  // to the older hop
	Owner       string     `json:"owner"` // "own", "own:SERVICE", "provider:NAME" or "claimed"
	Proto       string     `json:"proto"`
	RDNS        string     `json:"rdns"`
	Time        *time.Time `json:"time"`
	TLS         bool       `json:"tls"`

	verified bool // RDNS, by who wrote the hop
}

// Point is one piece of evidence.
type Point struct {
	Code        string `json:"code"`         // stable
	HeaderIndex int    `json:"header_index"` // of the field it stands on, from 0; -1: of none
	Text        string `json:"text"`
	Weight      int    `json:"weight"`
}

// Peer is the client at our border.
type Peer struct {
	Helo string `json:"helo"`
	IP   string `json:"ip"`
	RDNS string `json:"rdns"` // verified; else empty

	addr netip.Addr
}

// Client is who handed the message to the provider, or to us.
type Client struct {
	Class      string `json:"class"` // "outside", "internal", "tenant-internal", "provider-origin" or "unknown": package received
	Confidence string `json:"confidence"`
	IP         string `json:"ip"`
	Method     string `json:"method"`
	Why        string `json:"why"`
}

// Auth is what was found of the sender by a writer that is believed.
type Auth struct {
	ARC    string `json:"arc"`
	DKIM   string `json:"dkim"`
	DMARC  string `json:"dmarc"`
	Source string `json:"source"` // "own" or "provider:NAME"; empty: nobody wrote any
	SPF    string `json:"spf"`
}

// fails reports whether SPF or DMARC failed; known, whether either was told.
func (a Auth) fails() (fails, known bool) {
	fails = a.SPF == "fail" || a.SPF == "softfail" || a.DMARC == "fail"
	return fails, a.SPF != "" || a.DMARC != ""
}
