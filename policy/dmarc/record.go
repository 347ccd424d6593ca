package dmarc

import (
	"strings"

	"mxgate/policy/memo"
)

// Limits of a record. Honest ones hold a dozen tags in a few hundred octets.
const (
	maxRecordOctets = 4096
	maxTags         = 64
	maxFaults       = 8
)

// The policies a record can ask for: RFC 9989, Section 4.7.
const (
	policyNone       = "none"
	policyQuarantine = "quarantine"
	policyReject     = "reject"
)

// record is a DMARC policy record. It is shared by all who are given it and
// never changed.
type record struct {
	raw      string
	says     Published
	unusable bool // a broken p, sp or np, and nobody to tell: no DMARC at all
	faults   []string
}

// parseRecord reads one TXT record; nil if it is not a DMARC record of this
// version.
//
// What follows the version is read with patience, because a typing error in one
// tag must not take the protection of the whole domain away: unknown and broken
// tags are skipped, values compare without case. RFC 9989, Sections 4.7, 4.8.
func parseRecord(txt string) *record {
	if len(txt) > maxRecordOctets {
		return nil
	}
	version, rest, _ := strings.Cut(txt, ";")
	name, value, _ := strings.Cut(version, "=")
	// Deviation: RFC 9989, Section 4.8 has no space before "v"; the tag lists
	// of RFC 6376, Section 3.2 that it extends do, and owners type it.
	if !strings.EqualFold(trim(name), "v") || trim(value) != "DMARC1" {
		return nil
	}
	return known.Of(txt, len(txt), func(txt string) *record { return readTags(txt, rest) })
}

// known remembers records that were read: the walks of one evaluation meet the
// same ones, and the same senders come again and again.
var known = memo.New[string, *record](256<<10, nil)

// readTags reads what follows the version in a record.
func readTags(txt, list string) *record {
	t := parseTags(list)
	rec := &record{raw: txt, says: Published{
		ADKIM: t.oneOf("adkim", "r", "s"),
		ASPF:  t.oneOf("aspf", "r", "s"),
		T:     t.oneOf("t", "n", "y"),
		PSD:   t.oneOf("psd", "u", "y", "n"),
		FO:    t.failureOptions(),
		RUA:   t.reportURIs(),
		Pct:   t.percentage(),
	}}
	p, okP := t.request("p")
	sp, okSP := t.request("sp")
	np, okNP := t.request("np")
	if !okP || !okSP || !okNP {
		// RFC 9989, Section 4.10.1: somebody who can be told gets p=none.
		p, sp, np = policyNone, "", ""
		rec.unusable = !hasReportURI(rec.says.RUA)
	}
	if p == "" {
		p = policyNone // RFC 9989, Section 4.7
	}
	rec.says.P, rec.says.SP, rec.says.NP = p, sp, np
	rec.faults = t.faults
	return rec
}

// asks returns the policy that a record has for an author domain: at the domain
// of the record itself, or below it and existing or not. RFC 9989, Section 4.10.1.
func (rec *record) asks(below, exists bool) string {
	policy := rec.says.P
	if below && rec.says.SP != "" {
		policy = rec.says.SP
	}
	if below && !exists && rec.says.NP != "" {
		policy = rec.says.NP
	}
	return policy
}

// policyFor returns the policy to apply: what the record asks for, or one step
// less while its owner tests it (t=y). RFC 9989, Section 4.7.
func (rec *record) policyFor(below, exists bool) string {
	policy := rec.asks(below, exists)
	switch {
	case rec.says.T != "y":
		return policy
	case policy == policyReject:
		return policyQuarantine
	}
	return policyNone
}

// strictness orders policies; "" is none.
func strictness(policy string) int {
	switch policy {
	case policyReject:
		return 2
	case policyQuarantine:
		return 1
	}
	return 0
}
