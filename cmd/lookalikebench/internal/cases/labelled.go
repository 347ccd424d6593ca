package cases

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"mxgate/policy/mail"
)

// Homograph is one row of Basecamp's table.
type Homograph struct{ Group, Kind, Label, Value string }

// Attack says how the row is labelled.
func (h Homograph) Attack() bool { return h.Label == "attack" }

// Domain is the domain that the row shows; ok is false where it can be none in
// mail, and where the row is about something else.
func (h Homograph) Domain() (d mail.Domain, ok bool) {
	if h.Kind != "idn" && h.Kind != "email_address" {
		return "", false
	}
	d, err := mail.ParseDomain(h.Value[strings.LastIndexByte(h.Value, '@')+1:])
	return d, err == nil
}

// Imitated is the Latin name that the domain of the row shows: what is not ASCII
// is read by its skeleton, UTS #39; dots in the middle and marks are passed over.
// "" if it shows none, so that nobody can be protected against it.
func (h Homograph) Imitated(skeleton func(string) string) mail.Domain {
	var b strings.Builder
	for _, r := range strings.ToLower(h.Value[strings.LastIndexByte(h.Value, '@')+1:]) {
		if r < utf8.RuneSelf {
			b.WriteRune(r)
			continue
		}
		for _, seen := range norm.NFD.String(skeleton(string(r))) {
			if !unicode.Is(unicode.Mn, seen) && seen != '·' {
				b.WriteRune(seen)
			}
		}
	}
	d, err := mail.ParseDomain(strings.ReplaceAll(b.String(), "rn", "m")) // the prototype of m
	if err != nil || strings.Contains(string(d), "xn--") {
		return ""
	}
	return mail.Domain(Registrable(string(d)))
}

// Embedding is one row of Chromium's tables.
type Embedding struct {
	Suite, Host, Note string
	Target            string `json:"expected_target"`

	Domain     string // of the suite on edits
	Top        string `json:"top_domain"`
	Suppressed bool   `json:"chrome_suppresses"`
}

// Protected are the domains that the row says are protected.
func (e Embedding) Protected() []string {
	list, _, _ := strings.Cut(strings.TrimPrefix(e.Note, "protected: "), ";")
	return strings.Fields(list)
}

// Allowed reports whether the row rests on a list of names that browsers let
// stand in front of any other: mail has no such list.
func (e Embedding) Allowed() bool {
	_, list, _ := strings.Cut(e.Note, "allowed: ")
	return slices.ContainsFunc(strings.Fields(list), func(name string) bool { return strings.HasPrefix(e.Host, name+".") })
}

// Dispute is one decision of a UDRP panel.
type Dispute struct {
	Case    string
	Domains []string // disputed, registrable
	Targets []string // what the marks would be as domains; the marks' own are not in the data
}

// Disputes reads rows of case, disputed domains, marks and outcome.
func Disputes(rows [][]string) []Dispute {
	var all []Dispute
	for _, row := range rows {
		if len(row) < 3 {
			continue
		}
		d := Dispute{Case: row[0], Domains: Minus(aLabels(strings.Fields(row[1])))}
		for mark := range strings.SplitSeq(strings.ToLower(row[2]), "|") {
			for part := range strings.SplitSeq(mark, "/") {
				d.add(squashed(part))
				d.add(squashed(strings.TrimPrefix(part, "the "))) // few domains have the article
			}
		}
		if len(d.Domains) > 0 && len(d.Targets) > 0 {
			all = append(all, d)
		}
	}
	return all
}

func (d *Dispute) add(label string) {
	if utf8.RuneCountInString(label) > 1 && !slices.Contains(d.Targets, label) {
		d.Targets = append(d.Targets, label)
	}
}

// aLabels leaves out what is no domain.
func aLabels(names []string) []string {
	var read []string
	for _, name := range names {
		if d, err := mail.ParseDomain(name); err == nil {
			read = append(read, string(d))
		}
	}
	return read
}

// Imitated returns the domains that a disputed one is held against: each mark
// under the same suffix, or under another one where that is the disputed name.
func (d Dispute) Imitated(disputed string) []mail.Domain {
	_, suffix, _ := strings.Cut(disputed, ".")
	var targets []mail.Domain
	for _, label := range d.Targets {
		for _, s := range []string{suffix, "com", "net"} {
			t, err := mail.ParseDomain(label + "." + s)
			if err == nil && string(t) != disputed {
				targets = append(targets, t)
				break
			}
		}
	}
	return targets
}

// squashed writes a mark in lower case as a label: letters and digits, without marks on them.
func squashed(mark string) string {
	mark, _, _ = strings.Cut(mark, " [") // "[& design]"
	mark, _, _ = strings.Cut(mark, ", ") // ", inc"
	mark = strings.TrimSuffix(strings.TrimSpace(mark), ".com")
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) || !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return -1
		}
		return r
	}, norm.NFKD.String(mark))
}

// Attributable reports whether a disputed name shows at least two thirds of the
// letters of one of the targets in their order, and no fewer than three: from
// any other the mark in the data is not the one that was hit.
func Attributable(disputed string, targets []mail.Domain) bool {
	label, _, _ := strings.Cut(mail.Domain(disputed).Unicode(), ".")
	return slices.ContainsFunc(targets, func(t mail.Domain) bool {
		of, _, _ := strings.Cut(t.Unicode(), ".")
		n := common([]rune(label), []rune(of))
		return n >= min(3, utf8.RuneCountInString(of)) && 3*n >= 2*utf8.RuneCountInString(of)
	})
}

// common is the length of the longest common subsequence.
func common(a, b []rune) int {
	prev := make([]int, len(b)+1)
	for i := range a {
		row := make([]int, len(b)+1)
		for j := range b {
			if a[i] == b[j] {
				row[j+1] = prev[j] + 1
			} else {
				row[j+1] = max(prev[j+1], row[j])
			}
		}
		prev = row
	}
	return prev[len(b)]
}
