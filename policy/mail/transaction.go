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
}

// Client is the SMTP client of a session: the peer, not the origin.
type Client struct {
	Addr      netip.Addr
	Source    string // name of the [[source]] that admitted it
	Helo      string // argument of EHLO or HELO as given, checked for syntax
	Extended  bool   // EHLO
	TLS       bool
	TLSCipher string // cipher suite name, "" in clear
}

// Transaction is one mail transaction of a session: RFC 5321, Section 3.3.
type Transaction struct {
	ID         string
	Client     Client
	Envelope   Envelope
	Message    *Message
	ReceivedAt time.Time
}
