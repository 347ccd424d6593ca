package gateway

import (
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"mxgate/gateway/config"
	"mxgate/gateway/wire/syntax"
	"mxgate/policy"
	"mxgate/policy/authres"
	"mxgate/policy/mail"
)

// privatePrefix begins the names of our own header fields. Fields that come in
// with it are removed: only we may say what we said.
const privatePrefix = "X-Mxgate-"

// usualBlock is what the block seldom exceeds: room for it is made at once.
const usualBlock = 1 << 10

// headerBlock is what we prepend to a message, newest field first: RFC 5321,
// Section 4.4 (Received), RFC 8601 (Authentication-Results), and ours.
func headerBlock(hostname string, tx *mail.Transaction, e *policy.Evidence, v policy.Verdict, mode string) string {
	var b strings.Builder
	b.Grow(usualBlock)
	writeReceived(&b, hostname, tx)
	b.WriteString("Authentication-Results: ")
	b.WriteString(authres.Format(hostname, authMethods(e, v.Lifted)))
	b.WriteString("\r\n")
	fold(&b, privatePrefix+"Verdict", v.Disposition.String()+"; reason="+string(v.Reason)+liftedWords(v.Lifted)+"; mode="+mode+"; id="+tx.ID)
	fold(&b, privatePrefix+"Path", e.Path.String())
	if v.Score != nil {
		fold(&b, privatePrefix+"Score", v.Score.String())
	}
	if v.Reason != policy.Clean || len(v.Lifted) > 0 {
		fold(&b, privatePrefix+"Why", v.Sentence)
	}
	return b.String()
}

// receivedField is our trace line alone.
func receivedField(hostname string, tx *mail.Transaction) string {
	var b strings.Builder
	writeReceived(&b, hostname, tx)
	return b.String()
}

// writeReceived writes our trace line. SMTP-DUTIES H1-H3.
func writeReceived(b *strings.Builder, hostname string, tx *mail.Transaction) {
	c := tx.Client
	write := func(parts ...string) {
		for _, p := range parts {
			b.WriteString(p)
		}
	}
	name := "unknown"
	if c.Name != "" {
		name = hostCharacters(string(c.Name))
	}
	write("Received: from ", hostCharacters(c.Helo), " (", name, " ", addressLiteral(c.Addr), ")\r\n",
		"\tby ", hostname, " (mxgate) with ", protocol(c, tx.Envelope.UTF8))
	if c.TLS {
		write(" tls ", hostCharacters(c.TLSCipher))
	}
	write("\r\n\tid ", tx.ID)
	if paths := tx.Envelope.ForwardPaths; len(paths) == 1 && paths[0].IsASCII() {
		write(" for <", paths[0].String(), ">")
	}
	write(";\r\n\t", tx.ReceivedAt.Format("Mon, 2 Jan 2006 15:04:05 -0700"), "\r\n")
}

// protocol is the word of RFC 3848, or with SMTPUTF8 that of RFC 6531, Section 4.3.
func protocol(c mail.Client, utf8 bool) string {
	switch {
	case utf8 && c.TLS:
		return "UTF8SMTPS"
	case utf8:
		return "UTF8SMTP"
	case c.TLS:
		return "ESMTPS"
	case c.Extended:
		return "ESMTP"
	}
	return "SMTP"
}

func addressLiteral(a netip.Addr) string {
	a = a.Unmap()
	if a.Is6() {
		return "[IPv6:" + a.String() + "]"
	}
	return "[" + a.String() + "]"
}

// hostCharacters keeps what a host name or address literal may contain: the
// client chose this text and must not write a trace of its own with it.
func hostCharacters(s string) string {
	s = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(".-_:[]", r) {
			return r
		}
		return '?'
	}, s)
	if len(s) > 255 {
		s = s[:255]
	}
	if s == "" {
		return "unknown"
	}
	return s
}

// liftedWords says which reasons do not count because somebody else is believed.
func liftedWords(lifts []policy.Lift) string {
	if len(lifts) == 0 {
		return ""
	}
	reasons := make([]string, len(lifts))
	for i, l := range lifts {
		reasons[i] = string(l.Reason)
	}
	return "; lifted=" + strings.Join(reasons, ",")
}

// fold writes a field of printable ASCII, at most 78 octets on a line where
// the words allow it.
func fold(b *strings.Builder, name, value string) {
	value = printable(value)
	b.WriteString(name)
	b.WriteByte(':')
	column := len(name) + 1
	for word := ""; value != ""; {
		if word, value, _ = strings.Cut(value, " "); word == "" {
			continue
		}
		if column+1+len(word) > 78 && column > len(name)+1 {
			b.WriteString("\r\n\t")
			column = 8
		} else {
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	b.WriteString("\r\n")
}

// marks are the characters of our own sentences that are not ASCII: they stand
// around the letters in which two domains differ, and where something is cut.
var marks = strings.NewReplacer("‹", "[", "›", "]", "…", "...")

// printable writes what is not printable ASCII as U+0435 (a reader of the
// sentence must see which letter is meant) and bounds the length.
func printable(s string) string {
	const most = 800
	if len(s) <= most && syntax.Printable(s) {
		return s
	}
	s = marks.Replace(s)
	var b strings.Builder
	for _, r := range s {
		switch {
		case b.Len() >= most:
			return b.String()
		case r < ' ' || r == 0x7f:
			b.WriteByte('?')
		case r > '~':
			fmt.Fprintf(&b, "U+%04X", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// stripping is what is taken out of every message on its way through.
type stripping struct {
	authservID string
	secrets    []string // names of fields by which sources prove our tenant: who reads one could pass for it
}

func strippingOf(c *config.Config) stripping {
	return stripping{c.Hostname, c.SourceSet.SecretFields()}
}

// strips reports whether a field is removed: one of our private prefix, one with a
// secret, and Authentication-Results that claim to be ours. SMTP-DUTIES H4, H5.
// Names are compared as the most lenient reader behind us may see them.
func (s stripping) strips(f mail.Field) bool {
	if !strings.ContainsRune("XxAa", rune(firstVisible(f.Raw))) {
		return false // of most fields no more needs to be read
	}
	name := strings.ReplaceAll(f.VisibleName(), "_", "-") // some readers make variables of names
	if len(name) >= len(privatePrefix) && strings.EqualFold(name[:len(privatePrefix)], privatePrefix) {
		return true
	}
	if slices.ContainsFunc(s.secrets, func(secret string) bool { return strings.EqualFold(name, secret) }) {
		return true
	}
	if !strings.EqualFold(name, "Authentication-Results") {
		return false
	}
	// As it stands: what a stray CR or LF is to a reader is for Claims to say.
	_, value, _ := strings.Cut(string(f.Raw), ":")
	return authres.Claims(strings.TrimSuffix(strings.TrimSuffix(value, "\n"), "\r"), s.authservID)
}

// firstVisible is the octet with which a visible name begins, 0 if there is none.
func firstVisible(raw []byte) byte {
	for _, c := range raw {
		if c > ' ' && c < 0x7f {
			return c
		}
	}
	return 0
}

// guard stands between our block and a message that begins with a continuation
// line: the line would otherwise continue our last field, in the sender's words.
func guard(m *mail.Message) string {
	if len(m.Fields) > 0 && (m.Fields[0].Raw[0] == ' ' || m.Fields[0].Raw[0] == '\t') {
		return "Comments: the message begins with a continuation line\r\n"
	}
	return ""
}

// kept returns the message as it goes on: the octets received, less the
// stripped fields. Nothing else differs.
func (s stripping) kept(m *mail.Message, content io.ReaderAt) []io.ReadSeeker {
	var parts []io.ReadSeeker
	start, at := int64(0), int64(0)
	for _, f := range m.Fields {
		end := at + int64(len(f.Raw))
		if s.strips(f) {
			if at > start {
				parts = append(parts, io.NewSectionReader(content, start, at-start))
			}
			start = end
		}
		at = end
	}
	return append(parts, io.NewSectionReader(content, start, m.Size-start))
}

// loops reports whether the message has been here before: RFC 5321, Section 6.3.
func loops(m *mail.Message, hostname string) bool {
	const mostReceived, mostOurs = 100, 2
	all, ours := 0, 0
	marker := "by " + strings.ToLower(hostname) + " (mxgate)"
	for _, f := range m.Named("Received") {
		all++
		if !bytes.Contains(bytes.ToLower(f.Raw), []byte("mxgate")) {
			continue // the usual case, without a copy of every word
		}
		if strings.Contains(strings.ToLower(strings.Join(strings.Fields(f.Value()), " ")), marker) {
			ours++
		}
	}
	return all >= mostReceived || ours >= mostOurs
}
