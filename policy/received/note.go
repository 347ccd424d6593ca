package received

import "strings"

// Beginnings of comments that are remarks about the session, not about who the
// client is. In the `from` part each has a space where a name of the client
// cannot have one: a reverse name must not pass for a remark, because then the
// address beside it would be overlooked and one in the client's HELO found.
var (
	fromNotes = byLetter([]string{
		"using TLS", "Client CN ", "Client did not ", "No client certificate", "Client hello ",
		"Authenticated sender", "authenticated bits", "authenticated (", "authenticated as ", "authenticated by ", "authenticated user",
		"AUTH: ", "smtp-auth username ", "SASL LOGIN ", "SASL PLAIN ", "proxying for ", "envelope-from ", "envelope-sender ",
		"may be forged", "not verified", "no ssl",
	})
	byNotes = byLetter([]string{"TLS", "version=TLS", "version=SSL", "AUTH=", "auth=", "authenticated", "smtp-auth", "SMTP AUTH"})
)

// byLetter sorts beginnings by their first letter, in lower case: most comments
// are none of them, and a field may have many.
func byLetter(starts []string) *[256][]string {
	var sorted [256][]string
	for _, start := range starts {
		c := start[0] | 0x20
		sorted[c] = append(sorted[c], start)
	}
	return &sorted
}

// startsAs reports whether c begins as one of sorted.
func startsAs(c string, sorted *[256][]string) bool {
	if c == "" {
		return false
	}
	for _, start := range sorted[c[0]|0x20] {
		if hasPrefixFold(c, start) {
			return true
		}
	}
	return false
}

// note reads what a remark says about the session and reports whether c is one.
func (p *parser) note(c string) bool {
	if startsAs(c, fromNotes) {
		p.readNote(c)
		return true
	}
	if strings.Contains(c[:min(len(c), 64)], " authenticated user") && c[0] != '[' { // web mailers
		p.hop.Auth = true
		return true
	}
	if strings.EqualFold(c, "authenticated") {
		p.hop.Auth = true
		return true
	}
	return strings.EqualFold(c, "unverified")
}

// byRemark reads a comment of the `by` part, all of which are remarks.
func (p *parser) byRemark(c string) {
	switch {
	case startsAs(c, byNotes):
		p.readNote(c)
	case p.note(c):
	case hasPrefixFold(c, "Exim"):
		p.exim = true
	case hasPrefixFold(c, "via HTTP") && p.hop.Proto == "":
		p.hop.Proto = "HTTP"
	case strings.HasSuffix(c, " encrypted"):
		p.hop.TLS = true
	}
}

func (p *parser) readNote(c string) {
	h := &p.hop
	switch {
	case hasPrefixFold(c, "using TLS"), hasPrefixFold(c, "TLS"), hasPrefixFold(c, "version="):
		h.TLS = true
	case hasPrefixFold(c, "auth"), hasPrefixFold(c, "smtp-auth"), hasPrefixFold(c, "smtp auth"), hasPrefixFold(c, "sasl "):
		h.Auth = true
	case hasPrefixFold(c, "envelope-"):
		_, path, _ := strings.Cut(c, " ")
		path, _, _ = strings.Cut(strings.TrimSpace(path), " ")
		if h.EnvFrom == "" {
			h.EnvFrom = strings.Trim(path, "<>,")
		}
	case hasPrefixFold(c, "may be forged"):
		p.defect(DefectForgedName)
	}
}
