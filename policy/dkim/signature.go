package dkim

import (
	"slices"
	"strings"
	"time"

	"mxgate/policy/mail"
	"mxgate/policy/sig"
)

const fieldName = "DKIM-Signature"

// signature is a DKIM-Signature field, read and screened.
type signature struct {
	*sig.Signature
	field    int         // index in Message.Fields
	identity mail.Domain // the domain of i=; d= if absent

	undiagnosed bool // if it does not hold, nobody looks into what broke it
}

// screen reads all tags in the steps of RFC 6376, Section 6.1.1, unless the
// signature was refused already, and holds its names against what the message
// repeats. What is wrong is in Refused and Why.
func (s *signature) screen(now time.Time, repeated sig.Repeated) {
	if s.Refused != "" {
		return
	}
	s.Require("v", "a", "b", "bh", "d", "h", "s")
	if v := s.Tags.Value("v"); v != "1" {
		s.Refuse(mail.PermError, "the signature is of version %+.20q, not 1", v)
	}
	s.CheckNames()
	s.readIdentity()
	s.ReadNames()
	s.CheckTimes(now)
	s.ReadAlgorithm()
	s.ReadCanon()
	if q, ok := s.Tags.Lookup("q"); ok && !slices.Contains(sig.Words(q), "dns/txt") {
		s.Refuse(mail.PermError, "the key is to be had by %+.40q only", q)
	}
	s.ReadBodyHash()
	s.ReadOctets()
	s.CheckRepeated(repeated)
}

// readIdentity reads i=.
func (s *signature) readIdentity() {
	s.identity = s.Domain
	i, ok := s.Tags.Lookup("i")
	if !ok {
		return
	}
	s.identity = sig.ParseName(i[strings.LastIndexByte(i, '@')+1:])
	switch {
	case strings.ContainsFunc(i, isControl): // nobody's local part, and not for a report
		s.Refuse(mail.PermError, "i= holds a control character: %+.80q", i)
	case !strings.Contains(i, "@") || !s.identity.Within(s.Domain):
		s.Refuse(mail.PermError, "i= is not in the domain of d=: %+.80q", i)
	}
}

// isControl reports whether c is a control character other than folding white space.
func isControl(c rune) bool {
	return c < ' ' && c != '\t' && c != '\r' && c != '\n' || c == 0x7f
}
