package dkim

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"mxgate/policy/mail"
)

const fieldName = "DKIM-Signature"

// Limits of one signature.
const (
	maxSignedNames = 100            // names in h=: each costs a search
	maxFuture      = 24 * time.Hour // how far a signer's clock may be ahead
)

// signature is a DKIM-Signature field, read and screened.
type signature struct {
	field    int // index in Message.Fields
	tags     []tag
	refused  mail.Status // set if it can never pass
	why      string
	domain   mail.Domain // d=
	selector mail.Domain // s=
	identity mail.Domain // the domain of i=; d= if absent

	algorithm   string
	keyType     string   // "rsa" or "ed25519"
	signed      []string // h=, lower case
	headerCanon string
	bodyCanon   string
	bodyHash    []byte
	octets      []byte // b=
}

// refuse sets the verdict unless there is one already.
func (s *signature) refuse(status mail.Status, format string, args ...any) {
	if s.refused == "" {
		s.refused, s.why = status, fmt.Sprintf(format, args...)
	}
}

// value returns the value of a tag, "" if it is absent.
func (s *signature) value(name string) string {
	v, _ := lookup(s.tags, name)
	return v
}

// prefix returns the first characters of b= for header.b: RFC 6008, Section 4.
func (s *signature) prefix() string {
	b := removeFWS(s.value("b"))
	end := strings.IndexFunc(b, func(c rune) bool {
		return (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '+' && c != '/' && c != '='
	})
	if end >= 0 {
		b = b[:end]
	}
	return b[:min(len(b), 8)]
}

// parseSignature reads a field and screens it in the steps of RFC 6376,
// Section 6.1.1. What is wrong is in refused and why.
func parseSignature(f mail.Field, now time.Time) *signature {
	s := new(signature)
	_, value, _ := strings.Cut(string(f.Raw), ":")
	tags, err := parseTags(value)
	if err != nil {
		s.refuse(mail.PermError, "the signature is not a list of tags")
		return s
	}
	s.tags = tags
	s.readNames()
	for _, name := range []string{"v", "a", "b", "bh", "d", "h", "s"} {
		if _, ok := lookup(tags, name); !ok {
			s.refuse(mail.PermError, "the signature has no %s=", name)
		}
	}
	if v := s.value("v"); v != "1" {
		s.refuse(mail.PermError, "the signature is of version %+.20q, not 1", v)
	}
	s.checkNames()
	s.readSigned()
	s.checkTimes(now)
	s.readMethods()
	s.readHashes()
	// Octets added behind l= are not signed, and a mail client shows them.
	if _, ok := lookup(tags, "l"); ok {
		s.refuse(mail.Policy, "the signature covers only a part of the body (l=)")
	}
	return s
}

// readNames reads d=, s=, i= and a=, as far as they can be read, for the report.
func (s *signature) readNames() {
	s.domain = parseName(s.value("d"))
	s.selector = parseName(s.value("s"))
	s.identity = s.domain
	if i, ok := lookup(s.tags, "i"); ok {
		s.identity = parseName(i[strings.LastIndexByte(i, '@')+1:])
	}
	a := removeFWS(s.value("a"))
	if len(a) <= 32 && strings.Trim(a, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == "" {
		s.algorithm = a
	}
}

// parseName reads a domain name as A-labels; "" if it is none. Only such a name
// becomes a question: an attacker writes these. Folding white space may stand
// around it, never in it: RFC 6376, Section 3.5.
func parseName(s string) mail.Domain {
	if strings.HasSuffix(s, ".") {
		return ""
	}
	d, err := mail.ParseDomain(s)
	if err != nil {
		return ""
	}
	return d
}

func (s *signature) checkNames() {
	switch i, ok := lookup(s.tags, "i"); {
	case s.domain == "":
		s.refuse(mail.PermError, "d= is not a domain name: %+.80q", s.value("d"))
	case s.selector == "":
		s.refuse(mail.PermError, "s= is not a selector: %+.80q", s.value("s"))
	case len(s.keyName()) > 253:
		s.refuse(mail.PermError, "the name of the key is too long")
	case strings.ContainsFunc(i, isControl): // nobody's local part, and not for a report
		s.refuse(mail.PermError, "i= holds a control character: %+.80q", i)
	case ok && (!strings.Contains(i, "@") || !s.identity.Within(s.domain)):
		s.refuse(mail.PermError, "i= is not in the domain of d=: %+.80q", i)
	}
}

// isControl reports whether c is a control character other than folding white space.
func isControl(c rune) bool {
	return c < ' ' && c != '\t' && c != '\r' && c != '\n' || c == 0x7f
}

// keyName is where the key is: RFC 6376, Section 3.6.2.1.
func (s *signature) keyName() string { return string(s.selector) + "._domainkey." + string(s.domain) }

// readSigned reads h=.
func (s *signature) readSigned() {
	for _, name := range words(s.value("h")) {
		if strings.IndexFunc(name, func(c rune) bool { return c <= ' ' || c >= 0x7f }) >= 0 {
			s.refuse(mail.PermError, "h= names no header field: %+.80q", name)
		}
		s.signed = append(s.signed, strings.ToLower(name))
	}
	if len(s.signed) > maxSignedNames {
		s.refuse(mail.PermError, "h= names more than %d header fields", maxSignedNames)
	}
	if !slices.Contains(s.signed, "from") { // RFC 6376, Section 5.4
		s.refuse(mail.PermError, "the signature does not cover From")
	}
}

// checkTimes judges t= and x= at now.
func (s *signature) checkTimes(now time.Time) {
	made, madeOK := s.time("t")
	ends, endsOK := s.time("x")
	if !madeOK || !endsOK {
		return
	}
	switch {
	case !made.IsZero() && !ends.IsZero() && ends.Before(made):
		s.refuse(mail.PermError, "the signature expires before it was made")
	case !ends.IsZero() && now.After(ends):
		s.refuse(mail.PermError, "the signature had expired when the message arrived")
	case !made.IsZero() && made.After(now.Add(maxFuture)):
		s.refuse(mail.PermError, "the signature says that it was made after the message arrived")
	}
}

// time reads t= or x=: seconds, at most 12 digits (RFC 6376, Section 3.5). Zero
// if absent; not ok if malformed.
func (s *signature) time(name string) (at time.Time, ok bool) {
	v, present := lookup(s.tags, name)
	if !present {
		return time.Time{}, true
	}
	seconds, err := strconv.ParseUint(v, 10, 64)
	if err != nil || len(v) > 12 {
		s.refuse(mail.PermError, "%s= is not a time: %+.40q", name, v)
		return time.Time{}, false
	}
	return time.Unix(int64(seconds), 0), true
}

// readMethods reads a=, c= and q=.
func (s *signature) readMethods() {
	keyType, hash, _ := strings.Cut(s.algorithm, "-")
	s.keyType = keyType
	switch s.algorithm {
	case "rsa-sha256", "ed25519-sha256":
	case "rsa-sha1": // RFC 8301, Section 3.1
		s.refuse(mail.Policy, "the signature uses SHA-1, which does not count any more")
	default:
		s.refuse(mail.PermError, "the algorithm %+.40q is not known", keyType+"-"+hash)
	}
	s.headerCanon, s.bodyCanon = "simple", "simple"
	if c, ok := lookup(s.tags, "c"); ok {
		header, body, both := strings.Cut(removeFWS(c), "/")
		s.headerCanon = header
		if both {
			s.bodyCanon = body
		}
	}
	for _, c := range []string{s.headerCanon, s.bodyCanon} {
		if c != "simple" && c != "relaxed" {
			s.refuse(mail.PermError, "the canonicalization %+.40q is not known", c)
		}
	}
	if q, ok := lookup(s.tags, "q"); ok && !slices.Contains(words(q), "dns/txt") {
		s.refuse(mail.PermError, "the key is to be had by %+.40q only", q)
	}
}

// readHashes reads bh= and b=.
func (s *signature) readHashes() {
	var err error
	s.bodyHash, err = base64.StdEncoding.DecodeString(removeFWS(s.value("bh")))
	if err != nil || len(s.bodyHash) != 32 {
		s.refuse(mail.PermError, "bh= is not a SHA-256 hash")
	}
	s.octets, err = base64.StdEncoding.DecodeString(removeFWS(s.value("b")))
	if err != nil || len(s.octets) == 0 {
		s.refuse(mail.PermError, "b= is not a signature")
	}
}
