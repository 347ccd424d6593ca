package sig

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"mxgate/policy/mail"
)

// Limits of one signature.
const (
	maxNames  = 100            // in h=: each costs a search
	maxFuture = 24 * time.Hour // how far a signer's clock may be ahead
)

// Signature is the value of a signature field, as far as it was read.
//
// Parse reads the tag-list and the names; the other methods each read one part
// and refuse what cannot or must not pass. Which of them a kind of signature
// needs, and in which order, its own package knows.
type Signature struct {
	Tags      Tags        // nil if the field is no tag-list
	Domain    mail.Domain // d=; "" if it is no domain name
	Selector  mail.Domain // s=; "" if it is no name
	Algorithm string      // a=; "" if it is not a word of letters, digits and hyphens

	Refused mail.Status // set if it can never pass: PermError or Policy
	Why     string      // why it was refused, for a person; printable ASCII

	KeyType     string   // by ReadAlgorithm: "rsa" or "ed25519"
	HeaderCanon Canon    // by ReadCanon
	BodyCanon   Canon    // by ReadCanon
	Names       []string // by ReadNames: h=, lower case
	BodyHash    []byte   // by ReadBodyHash: bh=, 32 octets
	Octets      []byte   // by ReadOctets: b=
}

// Parse reads the tag-list of a raw field, with d=, s= and a= as far as they can
// be read. It refuses only what is no tag-list.
func Parse(raw []byte) *Signature {
	s := new(Signature)
	_, value, _ := strings.Cut(string(raw), ":")
	tags, err := ParseTags(value)
	if err != nil {
		s.Refuse(mail.PermError, "the signature is not a list of tags")
		return s
	}
	s.Tags = tags
	s.Domain = ParseName(tags.Value("d"))
	s.Selector = ParseName(tags.Value("s"))
	a := RemoveFWS(tags.Value("a"))
	if len(a) <= 32 && strings.Trim(a, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == "" {
		s.Algorithm = a
	}
	return s
}

// Refuse sets the verdict unless there is one already. Text of the message goes
// into why by %+q and a precision only.
func (s *Signature) Refuse(status mail.Status, why string, args ...any) {
	if s.Refused == "" {
		s.Refused, s.Why = status, fmt.Sprintf(why, args...)
	}
}

// Prefix returns the first characters of b= for header.b: RFC 6008, Section 4.
// They are at most 8 characters of base64.
func (s *Signature) Prefix() string {
	b := s.Tags.Value("b")
	b = RemoveFWS(b[:min(len(b), 64)]) // enough, unless it is folded very often
	end := strings.IndexFunc(b, func(c rune) bool {
		return (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '+' && c != '/' && c != '='
	})
	if end >= 0 {
		b = b[:end]
	}
	return b[:min(len(b), 8)]
}

// KeyName is where the key is: RFC 6376, Section 3.6.2.1.
func (s *Signature) KeyName() string { return string(s.Selector) + "._domainkey." + string(s.Domain) }

// ParseName reads a domain name as A-labels; "" if it is none. Only such a name
// becomes a question: an attacker writes these. Folding white space may stand
// around it, never in it: RFC 6376, Section 3.5.
func ParseName(s string) mail.Domain {
	if strings.HasSuffix(s, ".") {
		return ""
	}
	d, err := mail.ParseDomain(s)
	if err != nil {
		return ""
	}
	return d
}

// Require refuses a signature that lacks one of these tags.
func (s *Signature) Require(tags ...string) {
	for _, name := range tags {
		if _, ok := s.Tags.Lookup(name); !ok {
			s.Refuse(mail.PermError, "the signature has no %s=", name)
		}
	}
}

// CheckNames refuses a signature whose d= and s= do not name a key.
func (s *Signature) CheckNames() {
	switch {
	case s.Domain == "":
		s.Refuse(mail.PermError, "d= is not a domain name: %+.80q", s.Tags.Value("d"))
	case s.Selector == "":
		s.Refuse(mail.PermError, "s= is not a selector: %+.80q", s.Tags.Value("s"))
	case len(s.KeyName()) > 253:
		s.Refuse(mail.PermError, "the name of the key is too long")
	}
}

// ReadNames reads h= into Names, at most one more than may stand there. From
// must be among them: RFC 6376, Section 5.4.
func (s *Signature) ReadNames() {
	list := s.Tags.Value("h")
	s.Names = make([]string, 0, min(strings.Count(list, ":"), maxNames)+1)
	for name := range strings.SplitSeq(list, ":") {
		if name = RemoveFWS(name); name == "" {
			continue
		}
		if len(s.Names) == maxNames {
			s.Refuse(mail.PermError, "h= names more than %d header fields", maxNames)
			return
		}
		if strings.IndexFunc(name, func(c rune) bool { return c <= ' ' || c >= 0x7f }) >= 0 {
			s.Refuse(mail.PermError, "h= names no header field: %+.80q", name)
		}
		s.Names = append(s.Names, strings.ToLower(name))
	}
	if !slices.Contains(s.Names, "from") {
		s.Refuse(mail.PermError, "the signature does not cover From")
	}
}

// CheckTimes refuses a signature that had expired at now (x=), or was made more
// than a day later (t=).
func (s *Signature) CheckTimes(now time.Time) {
	made, madeOK := s.Time("t")
	ends, endsOK := s.Time("x")
	if !madeOK || !endsOK {
		return
	}
	switch {
	case !made.IsZero() && !ends.IsZero() && ends.Before(made):
		s.Refuse(mail.PermError, "the signature expires before it was made")
	case !ends.IsZero() && now.After(ends):
		s.Refuse(mail.PermError, "the signature had expired when the message arrived")
	case !made.IsZero() && made.After(now.Add(maxFuture)):
		s.Refuse(mail.PermError, "the signature says that it was made after the message arrived")
	}
}

// Time reads t= or x=: seconds, at most 12 digits (RFC 6376, Section 3.5). Zero
// if absent; refused and not ok if malformed.
func (s *Signature) Time(name string) (at time.Time, ok bool) {
	v, present := s.Tags.Lookup(name)
	if !present {
		return time.Time{}, true
	}
	seconds, err := strconv.ParseUint(v, 10, 64)
	if err != nil || len(v) > 12 {
		s.Refuse(mail.PermError, "%s= is not a time: %+.40q", name, v)
		return time.Time{}, false
	}
	return time.Unix(int64(seconds), 0), true
}

// ReadAlgorithm reads a= into KeyType. SHA-1 is Policy: RFC 8301, Section 3.1.
func (s *Signature) ReadAlgorithm() {
	keyType, hash, _ := strings.Cut(s.Algorithm, "-")
	s.KeyType = keyType
	switch s.Algorithm {
	case "rsa-sha256", "ed25519-sha256":
	case "rsa-sha1":
		s.Refuse(mail.Policy, "the signature uses SHA-1, which does not count any more")
	default:
		s.Refuse(mail.PermError, "the algorithm %+.40q is not known", keyType+"-"+hash)
	}
}

// ReadCanon reads c= into HeaderCanon and BodyCanon.
func (s *Signature) ReadCanon() {
	s.HeaderCanon, s.BodyCanon = Simple, Simple
	if c, ok := s.Tags.Lookup("c"); ok {
		header, body, both := strings.Cut(RemoveFWS(c), "/")
		s.HeaderCanon = Canon(header)
		if both {
			s.BodyCanon = Canon(body)
		}
	}
	for _, c := range []Canon{s.HeaderCanon, s.BodyCanon} {
		if c != Simple && c != Relaxed {
			s.Refuse(mail.PermError, "the canonicalization %+.40q is not known", string(c))
		}
	}
}

// ReadBodyHash reads bh= into BodyHash. l= is Policy: octets added behind it are
// not signed, and a mail client shows them.
func (s *Signature) ReadBodyHash() {
	var err error
	s.BodyHash, err = base64.StdEncoding.DecodeString(RemoveFWS(s.Tags.Value("bh")))
	if err != nil || len(s.BodyHash) != 32 {
		s.Refuse(mail.PermError, "bh= is not a SHA-256 hash")
	}
	if _, ok := s.Tags.Lookup("l"); ok {
		s.Refuse(mail.Policy, "the signature covers only a part of the body (l=)")
	}
}

// ReadOctets reads b= into Octets.
func (s *Signature) ReadOctets() {
	var err error
	s.Octets, err = base64.StdEncoding.DecodeString(RemoveFWS(s.Tags.Value("b")))
	if err != nil || len(s.Octets) == 0 {
		s.Refuse(mail.PermError, "b= is not a signature")
	}
}
