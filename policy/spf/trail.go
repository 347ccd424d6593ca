package spf

import (
	"fmt"
	"net/netip"
	"strings"

	library "blitiri.com.ar/go/spf"

	"mxgate/policy/mail"
)

// trail keeps the terms that matched, in the order in which the library found
// them: of an include or redirect, first the term inside, then the reference.
type trail []string

// note is the library's trace function. It knows two kinds of message, "term,
// result, error" and the one of "all"; TestWhy tells when they change, and then
// a sentence only loses its detail.
func (t *trail) note(format string, args ...any) {
	switch {
	case format == "all: %v":
		*t = append(*t, "all")
	case len(args) == 3 && strings.HasPrefix(format, "%q"):
		term, isTerm := args[0].(string)
		_, isResult := args[1].(library.Result)
		if isTerm && isResult {
			*t = append(*t, term[:min(len(term), 100)])
		}
	}
}

// sentence says what the status of client rests on; matched is whether a term
// led to it. Terms have passed checkSyntax and are printable.
func (t trail) sentence(status mail.Status, client netip.Addr, matched bool) string {
	if len(t) == 0 || !matched { // what is left in t did not decide: an include without pass
		return fmt.Sprintf("no term of the record matches %s", client)
	}
	qualifier := map[mail.Status]string{mail.Fail: "-", mail.SoftFail: "~", mail.Neutral: "?"}[status]
	var through []string
	at := len(t) - 1
	for ; at >= 0; at-- {
		term := strings.ToLower(t[at])
		included := strings.HasPrefix(term, "include:")
		if !included && !strings.HasPrefix(term, "redirect=") {
			break
		}
		through = append(through, t[at])
		if included { // what is inside an include has matched with pass
			through[len(through)-1], qualifier = qualifier+t[at], ""
		}
	}
	path := ""
	if len(through) > 0 {
		path = " (through " + strings.Join(through, ", ") + ")"
	}
	switch {
	case at < 0:
		return fmt.Sprintf("%s matched%s", client, path)
	case t[at] == "all" && qualifier != "":
		return fmt.Sprintf("%sall: %s is not listed%s", qualifier, client, path)
	case t[at] == "all":
		return fmt.Sprintf("all: every address may send%s", path)
	}
	return fmt.Sprintf("%s matched %s%s%s", client, qualifier, t[at], path)
}
