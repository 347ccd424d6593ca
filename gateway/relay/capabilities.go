package relay

import (
	"slices"
	"strconv"
	"strings"
)

// Capabilities is what a host offered in its last reply to EHLO or LHLO.
type Capabilities struct {
	Size                bool  // RFC 1870
	MaxOctets           int64 // of a message; 0: none given
	EightBitMIME        bool  // RFC 6152
	Pipelining          bool  // RFC 2920
	SMTPUTF8            bool  // RFC 6531
	DSN                 bool  // RFC 3461
	RequireTLS          bool  // RFC 8689
	EnhancedStatusCodes bool  // RFC 2034
	StartTLS            bool  // RFC 3207

	XForward []string  // names of attributes in upper case, of Postfix' XFORWARD_README; nil: not offered
	XClient  []string  // likewise, of XCLIENT_README
	TLS      *TLSState // of the connection; nil: clear text
}

// add notes one line of an EHLO reply. The first line, the name of the server,
// is harmless: no keyword has a dot. RFC 5321, Section 4.1.1.1.
func (p *Capabilities) add(line string) {
	keyword, value, _ := strings.Cut(line, " ")
	switch strings.ToUpper(keyword) { // C6: some servers answer in lower case
	case "SIZE":
		p.Size = true
		if n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64); err == nil && n > 0 {
			p.MaxOctets = n
		}
	case "8BITMIME":
		p.EightBitMIME = true
	case "PIPELINING":
		p.Pipelining = true
	case "SMTPUTF8":
		p.SMTPUTF8 = true
	case "DSN":
		p.DSN = true
	case "REQUIRETLS":
		p.RequireTLS = true
	case "ENHANCEDSTATUSCODES":
		p.EnhancedStatusCodes = true
	case "STARTTLS":
		p.StartTLS = true
	case "XFORWARD":
		p.XForward = strings.Fields(strings.ToUpper(value))
	case "XCLIENT":
		p.XClient = strings.Fields(strings.ToUpper(value))
	}
}

// replacesClient reports whether XCLIENT can say who the client is.
func (p *Capabilities) replacesClient() bool { return slices.Contains(p.XClient, "ADDR") }

// keepsTLS reports whether a message with REQUIRETLS may go here. RFC 8689,
// Section 4.2.1.
func (p *Capabilities) keepsTLS() bool { return p.RequireTLS && p.TLS != nil && p.TLS.Verified }
