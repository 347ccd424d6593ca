package dmarc

import (
	"net/url"
	"strings"

	"mxgate/policy/mail"
	"mxgate/policy/memo"
)

// Limits of a record. Honest ones hold a dozen tags in a few hundred octets.
const (
	maxRecordOctets = 4096
	maxTags         = 64
)

// The policies a record can ask for: RFC 9989, Section 4.7.
const (
	policyNone       = "none"
	policyQuarantine = "quarantine"
	policyReject     = "reject"
)

// record is a DMARC policy record. Tags that are absent or not understood have
// their defaults.
type record struct {
	raw        string
	p, sp, np  string // "" if absent; p is never ""
	psd        byte   // 'y', 'n' or 'u'
	strictDKIM bool
	strictSPF  bool
	testing    bool // t=y
	unusable   bool // a broken p, sp or np, and nobody to tell: no DMARC at all
}

// parseRecord reads one TXT record; false if it is not a DMARC record of this
// version.
//
// What follows the version is read with patience, because a typing error in one
// tag must not take the protection of the whole domain away: unknown and broken
// tags are skipped, values compare without case. RFC 9989, Sections 4.7, 4.8.
func parseRecord(txt string) (record, bool) {
	if len(txt) > maxRecordOctets {
		return record{}, false
	}
	version, rest, _ := strings.Cut(txt, ";")
	name, value, _ := strings.Cut(version, "=")
	// Deviation: RFC 9989, Section 4.8 has no space before "v"; the tag lists
	// of RFC 6376, Section 3.2 that it extends do, and owners type it.
	if !strings.EqualFold(trim(name), "v") || trim(value) != "DMARC1" {
		return record{}, false
	}
	return known.Of(txt, len(txt), func(txt string) record { return readTags(txt, rest) }), true
}

// known remembers records that were read: the walks of one evaluation meet the
// same ones, and the same senders come again and again.
var known = memo.New[string, record](256 << 10)

// readTags reads what follows the version in a record.
func readTags(txt, list string) record {
	tags := parseTags(list)
	rec := record{
		raw:        txt,
		psd:        'u',
		strictDKIM: is(tags["adkim"], "s"),
		strictSPF:  is(tags["aspf"], "s"),
		testing:    is(tags["t"], "y"),
	}
	if v := strings.ToLower(tags["psd"].value); !tags["psd"].contradicted && (v == "y" || v == "n") {
		rec.psd = v[0]
	}
	var okP, okSP, okNP bool
	rec.p, okP = request(tags["p"])
	rec.sp, okSP = request(tags["sp"])
	rec.np, okNP = request(tags["np"])
	if !okP || !okSP || !okNP {
		// RFC 9989, Section 4.10.1: somebody who can be told gets p=none.
		rec.p, rec.sp, rec.np = policyNone, "", ""
		rec.unusable = !hasReportURI(tags["rua"].value)
	}
	if rec.p == "" {
		rec.p = policyNone // RFC 9989, Section 4.7
	}
	return rec
}

// tag is the value of a tag. A tag that stands twice with two values says
// nothing we could choose: RFC 6376, Section 3.2 forbids it.
type tag struct {
	value        string
	present      bool
	contradicted bool
}

func parseTags(list string) map[string]tag {
	tags := map[string]tag{}
	n := 0
	for spec := range strings.SplitSeq(list, ";") {
		if n++; n > maxTags {
			break
		}
		name, value, ok := strings.Cut(spec, "=")
		name = strings.ToLower(trim(name))
		if !ok || name == "" {
			continue
		}
		t := tag{value: trim(value), present: true}
		if before, twice := tags[name]; twice {
			t.contradicted = before.contradicted || !strings.EqualFold(before.value, t.value)
		}
		tags[name] = t
	}
	return tags
}

func is(t tag, want string) bool { return !t.contradicted && strings.EqualFold(t.value, want) }

// request reads a dmarc-request; "" and true if the tag is absent.
func request(t tag) (string, bool) {
	if !t.present {
		return "", true
	}
	v := strings.ToLower(t.value)
	known := v == policyNone || v == policyQuarantine || v == policyReject
	return v, known && !t.contradicted
}

// hasReportURI reports whether a list of URIs holds one that is valid.
func hasReportURI(list string) bool {
	for uri := range strings.SplitSeq(list, ",") {
		uri, _, _ = strings.Cut(trim(uri), "!") // the size limit of RFC 7489
		u, err := url.Parse(uri)
		if err != nil || u.Scheme == "" {
			continue
		}
		if u.Scheme != "mailto" {
			if u.Host != "" {
				return true
			}
			continue
		}
		address, err := url.PathUnescape(u.Opaque)
		if err != nil {
			continue
		}
		if _, err := mail.ParseMailbox(address); err == nil {
			return true
		}
	}
	return false
}

func trim(s string) string { return strings.Trim(s, " \t\r\n") }

// policyFor returns the policy for an author domain: at the domain of the
// record itself, or below it and existing or not. RFC 9989, Section 4.10.1.
func (rec record) policyFor(below, exists bool) string {
	policy := rec.p
	if below && rec.sp != "" {
		policy = rec.sp
	}
	if below && !exists && rec.np != "" {
		policy = rec.np
	}
	if !rec.testing {
		return policy
	}
	switch policy { // t=y asks for one step less: RFC 9989, Section 4.7
	case policyReject:
		return policyQuarantine
	default:
		return policyNone
	}
}
