package spf

import (
	"context"
	"strings"
)

// Limits of an explanation: of what is shown, and of the text as published. A
// longer text cannot become a line of a reply.
const (
	maxExplanationOctets = 300
	maxPublishedOctets   = 2 << 10
)

// explanation returns what the domain says about a fail, "" if it says nothing
// that can be shown: RFC 7208, Section 6.2. Whatever goes wrong on the way is as
// if there were no "exp=", and counts against no limit of the evaluation.
func (e *evaluation) explanation(ctx context.Context) string {
	at := e.last()
	for _, t := range e.visited[at].terms {
		if t.name != "exp" {
			continue
		}
		domain := e.visited[at].domain
		name := e.name(ctx, t.spec, domain)
		if name == "" {
			return ""
		}
		answer, err := e.dns.TXT(ctx, name)
		if err != nil || len(answer.Records) != 1 || len(answer.Records[0]) > maxPublishedOctets || !isPrintable(answer.Records[0]) {
			return ""
		}
		text, ok := e.expand(ctx, answer.Records[0], domain, true)
		if !ok {
			return ""
		}
		return strings.TrimSpace(printable(text, maxExplanationOctets))
	}
	return ""
}

// last returns the record whose terms gave the result: that of the identity, or
// where redirect led from there. An include decides nothing by itself, so that
// its "exp=" does not count: RFC 7208, Section 6.2.
func (e *evaluation) last() int {
	at := 0
	for i := 1; i < len(e.visited); i++ {
		if from := e.visited[i].from; from.visit == at && e.visited[at].terms[from.term].name == "redirect" {
			at = i
		}
	}
	return at
}

// isPrintable reports whether s is printable ASCII, which an explanation has to
// be as it is published.
func isPrintable(s string) bool {
	return strings.IndexFunc(s, func(c rune) bool { return c < ' ' || c >= 0x7f }) < 0
}

// printable returns s, at most max octets of it, with "?" for each character
// that is not printable ASCII.
func printable(s string, max int) string {
	s = strings.Map(func(c rune) rune {
		if c < ' ' || c >= 0x7f {
			return '?'
		}
		return c
	}, s[:min(len(s), 4*max)])
	return s[:min(len(s), max)]
}
