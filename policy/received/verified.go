package received

import (
	"slices"
	"strings"

	"mxgate/policy/mail"
)

// VerifiedName returns the name that the writer of h, a hop of m, found for its client,
// in lower case, if the writer is one that looks up both ways before it writes a name:
// Postfix, Exim and Sendmail. Elsewhere the name is the client's choice, and "" is
// returned.
func VerifiedName(m *mail.Message, h *Hop) string {
	if h.RDNS == "" || h.By == "" || h.Field < 0 || slices.Contains(h.Defects, DefectForgedName) {
		return ""
	}
	// A second " by " would have left By empty: this is the writer's.
	_, rest, ok := strings.Cut(strings.Join(strings.Fields(m.Fields[h.Field].Value()), " "), " by "+h.By+" ")
	if !ok {
		return ""
	}
	program, _, _ := strings.Cut(rest, " for ")
	program, _, _ = strings.Cut(program, "(envelope-")
	sendmail := len(program) > 3 && program[0] == '(' && program[1] == '8' && program[2] == '.'
	if sendmail || strings.HasPrefix(program, "(Postfix") || strings.Contains(program, "(Exim ") {
		return strings.ToLower(h.RDNS)
	}
	return ""
}
