package mail

import (
	"net/netip"
	"time"
)

// Body is the BODY parameter of MAIL, RFC 6152.
type Body string

// The body kinds the gateway accepts. The zero Body is 7BIT by default of the RFC.
const (
	Body7Bit     Body = "7BIT"
	Body8BitMIME Body = "8BITMIME"
)

// Envelope is what MAIL and RCPT said.
type Envelope struct {
	ReversePath  Address
	ForwardPaths []Address
	Body         Body
	SizeOctets   int64 // SIZE of MAIL as declared; 0 if absent
	UTF8         bool  `json:",omitempty"` // SMTPUTF8, RFC 6531
	RequireTLS   bool  `json:",omitempty"` // REQUIRETLS, RFC 8689

	Return     Return `json:",omitempty"` // RET of MAIL, RFC 3461
	EnvelopeID string `json:",omitempty"` // ENVID of MAIL, xtext decoded
	// DSN holds what RCPT asked for, in the order of ForwardPaths; nil if no
	// recipient asked for anything.
	DSN []RecipientDSN `json:",omitempty"`
}

// Return is how much of a message a DSN shall return. RFC 3461, Section 4.3.
type Return string

// The values of RET.
const (
	ReturnFull    Return = "FULL"
	ReturnHeaders Return = "HDRS"
)

// RecipientDSN is what one RCPT asked for. Its zero value asks for nothing.
type RecipientDSN struct {
	Notify       string `json:",omitempty"` // NOTIFY: "NEVER", or of SUCCESS,FAILURE,DELAY in that order
	OriginalType string `json:",omitempty"` // address type of ORCPT: "rfc822"
	Original     string `json:",omitempty"` // address of ORCPT, xtext decoded
}

// Recipient is one RCPT: a forward-path and what was asked for it.
type Recipient struct {
	Path Address
	DSN  RecipientDSN
}

// AddRecipient appends one recipient.
func (e *Envelope) AddRecipient(path Address, dsn RecipientDSN) {
	if dsn != (RecipientDSN{}) || e.DSN != nil {
		for len(e.DSN) < len(e.ForwardPaths) {
			e.DSN = append(e.DSN, RecipientDSN{})
		}
		e.DSN = append(e.DSN, dsn)
	}
	e.ForwardPaths = append(e.ForwardPaths, path)
}

// RecipientDSN returns what recipient i asked for.
func (e *Envelope) RecipientDSN(i int) RecipientDSN {
	if i < len(e.DSN) {
		return e.DSN[i]
	}
	return RecipientDSN{}
}

// Client is the SMTP client of a session: the peer, not the origin.
type Client struct {
	Addr      netip.Addr
	Name      Domain // its forward-confirmed reverse name; "" if none is known
	Source    string // name of the [[source]] that admitted it
	Helo      string // argument of EHLO or HELO as given, checked for syntax
	Extended  bool   // EHLO
	TLS       bool
	TLSCipher string // cipher suite name, "" in clear
	// Certificate has the DNS names of its TLS certificate, if a CA that the
	// operator trusts vouches for it; else it is nil.
	Certificate []string
	// Listener is our end of the connection: behind a balancer, the one that it
	// says the client came to.
	Listener netip.AddrPort
	// Origin is the host that handed the mail in, where the peer told us with
	// XCLIENT; else the zero Addr.
	Origin     netip.Addr
	OriginHelo string // its EHLO name, "" if not told
}

// Transaction is one mail transaction of a session: RFC 5321, Section 3.3.
type Transaction struct {
	ID         string
	Client     Client
	Envelope   Envelope
	Message    *Message
	ReceivedAt time.Time
}
