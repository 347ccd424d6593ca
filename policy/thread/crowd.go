package thread

import "slices"

// MoreRecipients is the limit on the addresses of the header as Unread tells it,
// before any other: those behind it are nowhere.
const MoreRecipients = "more addresses in the header than are read"

// crowd keeps the domain of a recipient for whom there is no room: whoever is added
// to a conversation may be put behind a hundred others.
func (r *reader) crowd(p Party) {
	if p.Where != To && p.Where != Cc || slices.ContainsFunc(r.c.Parties, func(have Party) bool { return have.Domain == p.Domain && (have.Where == To || have.Where == Cc) }) ||
		slices.ContainsFunc(r.c.Crowd, func(have Party) bool { return have.Domain == p.Domain }) {
		return
	}
	if len(r.c.Crowd) == MaxCrowd {
		r.crowded()
		return
	}
	r.c.Crowd = append(r.c.Crowd, Party{Domain: p.Domain, Where: p.Where})
}

// crowded records that there are recipients of whom nothing is read.
func (r *reader) crowded() { r.c.Unread = MoreRecipients }
