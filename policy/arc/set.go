package arc

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"mxgate/policy/mail"
	"mxgate/policy/sig"
)

// The three fields of a set, in the order in which a seal covers them: RFC 8617,
// Section 5.1.1.
var fieldNames = [...]string{"ARC-Authentication-Results", "ARC-Message-Signature", "ARC-Seal"}

// Indexes into fieldNames.
const (
	results = iota
	message
	seal
)

// set is an ARC set being verified.
type set struct {
	instance int
	fields   [len(fieldNames)]int // indexes in Message.Fields

	results string         // what stands behind the instance
	seal    *sig.Signature // readSeal screens it
	message *sig.Signature // readMessage screens it
}

// cv returns the chain validation status that the seal claims.
func (s *set) cv() string { return s.seal.Tags.Value("cv") }

// collect returns the sets of m, that of instance 1 first. why tells what keeps
// the fields from making a chain. RFC 8617, Section 5.2, steps 1 and 3 A and B.
func collect(m *mail.Message) (chain []*set, why string) {
	var at [len(fieldNames)][]int // indexes in Message.Fields
	for i, f := range m.Fields {
		for kind, name := range fieldNames {
			if f.Is(name) {
				at[kind] = append(at[kind], i)
			}
		}
	}
	count := max(len(at[results]), len(at[message]), len(at[seal]))
	switch {
	case count == 0:
		return nil, ""
	case count > maxSets:
		return nil, fmt.Sprintf("the message carries more than %d ARC sets", maxSets)
	case m.HeaderOctets > maxHeaderOctets || len(m.Fields) > maxHeaderFields:
		return nil, "the header section is too large for its ARC sets to be checked"
	}
	// Of each kind as many as of the others, all with different instances from 1
	// to their number: then no set lacks a field and none has two.
	chain = make([]*set, count)
	for i := range chain {
		chain[i] = &set{instance: i + 1}
	}
	for kind, name := range fieldNames {
		if len(at[kind]) != count {
			return nil, fmt.Sprintf("not every ARC set is whole: %s stands there %d times, another of its fields %d times", name, len(at[kind]), count)
		}
		seen := [maxSets + 1]bool{}
		for _, i := range at[kind] {
			f := readField(kind, i, m.Fields[i])
			switch {
			case f.parsed != nil && f.parsed.Refused != "":
				return nil, fmt.Sprintf("a field %s: %s", name, f.parsed.Why)
			case f.instance == 0:
				return nil, fmt.Sprintf("a field %s has no instance", name)
			case f.instance > count:
				return nil, fmt.Sprintf("a field %s has the instance %d, beyond the number of ARC sets (%d)", name, f.instance, count)
			case seen[f.instance]:
				return nil, fmt.Sprintf("two fields %s have the instance %d", name, f.instance)
			}
			seen[f.instance] = true
			chain[f.instance-1].add(kind, f)
		}
	}
	return chain, ""
}

// field is one field of a set.
type field struct {
	index    int            // in Message.Fields
	instance int            // 0 if it has none
	parsed   *sig.Signature // of the two kinds that are signatures
	rest     string         // of the results: what stands behind the instance
}

func readField(kind, index int, f mail.Field) field {
	if kind == results {
		instance, rest := parseResults(f.Value())
		return field{index: index, instance: instance, rest: rest}
	}
	parsed := sig.Parse(f.Raw)
	return field{index: index, instance: parseInstance(parsed.Tags.Value("i")), parsed: parsed}
}

// add puts a field into the set.
func (s *set) add(kind int, f field) {
	s.fields[kind] = f.index
	switch kind {
	case results:
		s.results = f.rest
	case message:
		s.message = f.parsed
	case seal:
		s.seal = f.parsed
	}
}

// parseInstance reads an instance: at most two digits, 1 to maxSets; else 0.
// RFC 8617, Section 4.2.1.
func parseInstance(s string) int {
	if len(s) == 0 || len(s) > 2 {
		return 0
	}
	n := 0
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return 0
		}
		n = 10*n + int(s[i]-'0')
	}
	if n > maxSets {
		return 0
	}
	return n
}

// parseResults splits the unfolded value of ARC-Authentication-Results into the
// instance, which stands first and may have comments around its parts, and what
// follows the semicolon; 0 if there is no instance. RFC 8617, Section 4.1.1.
func parseResults(value string) (instance int, rest string) {
	s, ok := strings.CutPrefix(skipCFWS(value), "i")
	if !ok {
		return 0, ""
	}
	if s, ok = strings.CutPrefix(skipCFWS(s), "="); !ok {
		return 0, ""
	}
	s = skipCFWS(s)
	digits := s[:len(s)-len(strings.TrimLeft(s, "0123456789"))]
	if s, ok = strings.CutPrefix(skipCFWS(s[len(digits):]), ";"); !ok {
		return 0, ""
	}
	return parseInstance(digits), strings.Trim(s, " \t")
}

// skipCFWS returns s without the white space and comments at its beginning; a
// comment that does not end is left. RFC 5322, Section 3.2.2.
func skipCFWS(s string) string {
	for {
		s = strings.TrimLeft(s, " \t")
		end := commentEnd(s)
		if end == 0 {
			return s
		}
		s = s[end:]
	}
}

// commentEnd returns the length of the comment at the beginning of s, or 0.
func commentEnd(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '(':
			depth++
		case ')':
			depth--
		case '\\':
			i++
		}
		if depth == 0 {
			if s[0] == '(' {
				return i + 1
			}
			return 0
		}
	}
	return 0
}

// readSeal screens the seal: RFC 8617, Sections 4.1.3 and 5.2, step 3 C.
func (s *set) readSeal(now time.Time) {
	r := s.seal
	r.Require("a", "b", "cv", "d", "s")
	if _, ok := r.Tags.Lookup("h"); ok {
		r.Refuse(mail.PermError, "it has an h=, which a seal must not have")
	}
	want := "pass"
	if s.instance == 1 {
		want = "none"
	}
	if s.cv() != want {
		r.Refuse(mail.PermError, "cv= is %+.20q, not %s", s.cv(), want)
	}
	r.CheckNames()
	r.CheckTimes(now)
	r.ReadAlgorithm()
	r.ReadOctets()
}

// readMessage screens the message signature, which is a DKIM-Signature without v=
// and with another i=: RFC 8617, Section 4.1.2.
func (s *set) readMessage(now time.Time, repeated sig.Repeated) {
	r := s.message
	r.Require("a", "b", "bh", "d", "h", "s")
	r.CheckNames()
	r.ReadNames()
	for _, name := range r.Names {
		// Deviation: it must not cover ARC-Authentication-Results either, but did
		// in drafts, and some sealers stayed with it. The seal covers them anyway.
		if strings.EqualFold(name, fieldNames[message]) || strings.EqualFold(name, fieldNames[seal]) {
			r.Refuse(mail.PermError, "it covers %+.40q, which it must not", name)
		}
	}
	r.CheckTimes(now)
	r.ReadAlgorithm()
	r.ReadCanon()
	if q, ok := r.Tags.Lookup("q"); ok && !slices.Contains(sig.Words(q), "dns/txt") {
		r.Refuse(mail.PermError, "the key is to be had by %+.40q only", q)
	}
	r.ReadBodyHash()
	r.ReadOctets()
	r.CheckRepeated(repeated)
}
