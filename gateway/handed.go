package gateway

import (
	"bytes"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"mxgate/policy/mail"
	"mxgate/policy/provider"
)

// maxOurReceived is more than receivedField writes.
const maxOurReceived = 4 << 10

// ourReceived is what receivedField writes, every run of white space being one
// space: servers behind us may fold it anew.
var ourReceived = regexp.MustCompile(strings.ReplaceAll(`^from (HOST) \((HOST) \[(?:IPv6:)?([0-9a-f.:]+)\]\) by (HOST) \(mxgate\)`+
	` with (UTF8SMTP|UTF8SMTPS|SMTP|ESMTP|ESMTPS)(?: tls HOST)? id [0-9a-v]{20}(?: for <.+>)?; (\w{3}, \d{1,2} \w{3} \d{4} [0-9:]{8} [+-]\d{4})$`, "HOST", `[A-Za-z0-9._:?\[\]-]+`))

// Handed says how a message that lay behind servers of ours was handed to them: as
// such it was judged. Its names are a contract.
//
// It is read from the Received field that the gateway wrote or, of mail that came to a
// mail server of ours without one, that server. A file from elsewhere may hold one that
// somebody else made up.
type Handed struct {
	To      string     `json:"to"` // our hostname, or the name of the mail server
	Client  netip.Addr `json:"client"`
	Helo    string     `json:"helo"`
	At      time.Time  `json:"at"`
	LeftOut int        `json:"left_out"` // fields that later servers put in front
}

// handing is the Received field at which a message came to us, read.
type handing struct {
	Handed
	client  mail.Client
	field   int             // index into Message.Fields
	source  provider.Source // whose the client is
	gateway bool            // below the field stands what a gateway writes as well
}

// readOurReceived reads a Received field that receivedField has written, whichever
// gateway that was.
func readOurReceived(f mail.Field) (h handing, ok bool) {
	if !f.Is("Received") || len(f.Raw) > maxOurReceived {
		return h, false
	}
	part := ourReceived.FindStringSubmatch(strings.Join(strings.Fields(f.Value()), " "))
	if part == nil {
		return h, false
	}
	addr, err := netip.ParseAddr(part[3])
	at, err2 := time.Parse("Mon, 2 Jan 2006 15:04:05 -0700", part[6])
	if err != nil || err2 != nil || hostNamed(part[4]) == "" {
		return h, false
	}
	h.Handed = Handed{To: part[4], Client: addr, Helo: part[1], At: at}
	h.client = mail.Client{Addr: addr, Helo: part[1], Extended: part[5] != "SMTP", TLS: strings.HasSuffix(part[5], "S")}
	if name, err := mail.ParseDomain(part[2]); err == nil && part[2] != "unknown" {
		h.client.Name = name
	}
	return h, true
}

// asReceived is the message as it came to us: without our field or, of a gateway, its
// block, and all above it.
func (h *handing) asReceived(m *mail.Message, content []byte) (*mail.Message, error) {
	ours := stripping{authservID: h.To}
	cut := 0
	for i, f := range m.Fields {
		if i > h.field && !(h.gateway && ours.strips(f)) {
			break
		}
		cut += len(f.Raw)
	}
	content = content[cut:]
	return mail.ParseMessage(bytes.NewReader(content), int64(len(content)))
}
