package spf

import (
	"fmt"
	"slices"
	"strings"

	library "blitiri.com.ar/go/spf"

	"mxgate/policy/mail"
)

// note is the library's trace function. It keeps the terms that matched, in the
// order in which the library found them: of an include or redirect, first the
// term inside, then the reference.
//
// It knows two kinds of message, "term, result, error" and the one of "all";
// TestWhy tells when they change, and then Term is lost and Why loses its detail.
func (e *evaluation) note(format string, args ...any) {
	switch {
	case format == "all: %v":
		e.noted = append(e.noted, "all")
	case len(args) == 3 && strings.HasPrefix(format, "%q"):
		body, isTerm := args[0].(string)
		_, isResult := args[1].(library.Result)
		if isTerm && isResult {
			e.noted = append(e.noted, body)
		}
	}
}

// decided returns the term on which the result rests, nil if none does, and the
// references that led to its record, the outermost first. What was noted last
// comes first on the way; what an include without pass left behind belongs to no
// record on it.
func (e *evaluation) decided() (found *term, through []*term) {
	at := 0
	for _, body := range slices.Backward(e.noted) {
		i := slices.Index(e.visited[at].bodies, body) // of two alike the first one matched
		if i < 0 {
			return nil, through
		}
		t := &e.visited[at].terms[i]
		if t.name != "include" && t.name != "redirect" {
			return t, through
		}
		through = append(through, t)
		next := slices.IndexFunc(e.visited[1:], func(v visit) bool { return v.from == place{at, i} })
		if next < 0 {
			return nil, through
		}
		at = next + 1
	}
	return nil, through
}

// matchSentence says what the status rests on. Terms have passed parseRecord and
// are printable.
func (e *evaluation) matchSentence(status mail.Status, found *term, through []*term) string {
	path := ""
	for i, t := range through {
		sign := ", "
		if i == 0 {
			sign = " (through "
		}
		path += sign + shown(t)
	}
	if path != "" {
		path += ")"
	}
	switch {
	case found == nil:
		return fmt.Sprintf("no term of the record matches %s", e.client)
	case found.name == "all" && found.qualifier != "" && found.qualifier != "+":
		return fmt.Sprintf("%s: %s is not listed%s", shown(found), e.client, path)
	case found.name == "all" && status == mail.Pass:
		return "all: every address may send" + path
	}
	return e.client.String() + " matched " + shown(found) + path
}

// maxShownOctets bounds a term or a name in a sentence or in Term.
const maxShownOctets = 100

// shown returns t as published, cut to maxShownOctets.
func shown(t *term) string { return t.text[:min(len(t.text), maxShownOctets)] }
