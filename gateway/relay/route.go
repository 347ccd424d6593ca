package relay

// Route is a way for mail: hosts in the order in which they are tried, and how
// they are spoken to. It is built once from the configuration, never changed, and
// compared by its address.
type Route struct {
	Name  string   // for logs and metrics: "mail.internal:25"
	Hosts []string // at least one: "host:port", or "unix:/path" of a socket
	LMTP  bool     // RFC 2033 instead of SMTP
	TLS   TLSPolicy
	// Client is what the hosts are told about the client of a message.
	Client ClientInfo
}

// ClientInfo says how a next hop learns who handed us a message. SMTP-DUTIES X2.
type ClientInfo uint8

// The ways. The zero ClientInfo is None.
const (
	None    ClientInfo = iota // it sees us
	Forward                   // XFORWARD where it is offered: what the next hop logs
	Replace                   // XCLIENT: whom the next hop judges; not offered: Refused
)
