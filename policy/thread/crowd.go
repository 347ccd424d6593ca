package thread

import "slices"

// Limits as Unread tells them, those first that hide the least. Ids hide nothing that
// counts against a sender: he need not have cited them at all. Whoever is added to a
// conversation may stand among the recipients that are not read, and whoever gets the
// answers behind the first of Reply-To.
const (
	MoreIDs        = "more ids than are kept"
	MoreRecipients = "more addresses in the header than are read"
	MoreReplies    = "more addresses in Reply-To than are read"
)

// Heavier returns that of two limits that hides more; of two that hide as much, the
// first that was met. "" is none.
func Heavier(met, next string) string {
	if weight(next) > weight(met) {
		return next
	}
	return met
}

func weight(limit string) int {
	switch limit {
	case "":
		return 0
	case MoreIDs:
		return 1
	case MoreRecipients:
		return 3
	case MoreReplies:
		return 4
	}
	return 2
}

// crowd keeps the domain of a recipient for whom there is no room: whoever is added
// to a conversation may be put behind a hundred others.
func (r *reader) crowd(p Party) {
	switch {
	case p.Where == ReplyTo:
		r.crowded(p.Where)
	case p.Where != To && p.Where != Cc:
		r.met("more addresses than are kept")
	case slices.ContainsFunc(r.c.Parties, func(have Party) bool { return have.Domain == p.Domain && (have.Where == To || have.Where == Cc) }),
		slices.ContainsFunc(r.c.Crowd, func(have Party) bool { return have.Domain == p.Domain }):
	case len(r.c.Crowd) == MaxCrowd:
		r.crowded(p.Where)
	default:
		r.c.Crowd = append(r.c.Crowd, Party{Domain: p.Domain, Where: p.Where})
	}
}

// crowded records that there are addresses of the header, in that place, of whom
// nothing is read.
func (r *reader) crowded(where Where) {
	limit := MoreRecipients
	if where == ReplyTo {
		limit = MoreReplies
	}
	r.met(limit)
}
