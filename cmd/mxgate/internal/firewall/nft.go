package firewall

import (
	"fmt"
	"strings"
	"time"
)

// nftSet is the entries of one family with the same last day, and the set's name.
type nftSet struct {
	name    string
	family  string // of the match: "ip" or "ip6"
	until   time.Time
	entries []Entry
}

// nftSets sorts the entries into sets, in the order of their first addresses.
func nftSets(l *List) []*nftSet {
	var sets []*nftSet
	byName := map[string]*nftSet{}
	for _, e := range l.Entries {
		family, name := "ip", "allow4"
		if e.Range.Addr().Is6() {
			family, name = "ip6", "allow6"
		}
		if !e.Until.IsZero() {
			name += "_until_" + e.Until.UTC().Format("20060102")
		}
		if byName[name] == nil {
			byName[name] = &nftSet{name: name, family: family, until: e.Until}
			sets = append(sets, byName[name])
		}
		byName[name].entries = append(byName[name].entries, e)
	}
	return sets
}

// writeNft makes a table of its own, and makes it anew: within the transaction
// there is no moment without it. Its accept ends only its own chain (nft(8),
// "verdicts"), its drop is final: whatever a chain of somebody else passes.
//
// Deviation from TRACE.md, Section 9: no timeout for entries that end. It is told
// from the moment of loading, so a file loaded at each boot would keep an old
// provider for ever; meta time is a date.
func writeNft(f Format, l *List) string {
	var b strings.Builder
	b.WriteString(f.heading("# ", l))
	b.WriteString("table inet mxgate\ndelete table inet mxgate\ntable inet mxgate {\n\tcounter refused { }\n")
	sets := nftSets(l)
	for _, s := range sets {
		kind := "ipv4_addr"
		if s.family == "ip6" {
			kind = "ipv6_addr"
		}
		fmt.Fprintf(&b, "\n\tset %s {\n\t\ttype %s\n\t\tflags interval\n\t\telements = {\n", s.name, kind)
		for _, e := range s.entries {
			fmt.Fprintf(&b, "\t\t\t%s comment \"%s\",\n", e.Range, e.Comment())
		}
		b.WriteString("\t\t}\n\t}\n")
	}
	// The whole host, and everything but these ports, is none of our business:
	// each rule names the ports.
	port := "\t\ttcp dport { " + l.ports(", ") + " }"
	fmt.Fprintf(&b, "\n\tchain smtp {\n\t\ttype filter hook input priority filter - 10; policy accept;\n%s iif \"lo\" accept\n", port)
	for _, s := range sets {
		when := ""
		if !s.until.IsZero() {
			when = fmt.Sprintf(" meta time < %d", endOf(s.until).Unix())
		}
		fmt.Fprintf(&b, "%s%s %s saddr @%s accept\n", port, when, s.family, s.name)
	}
	fmt.Fprintf(&b, "%s counter name \"refused\" drop\n\t}\n}\n", port)
	return b.String()
}

// endOf is the moment behind a last day.
func endOf(until time.Time) time.Time {
	y, m, d := until.UTC().Date()
	return time.Date(y, m, d+1, 0, 0, 0, 0, time.UTC)
}

func undoNft(f Format, _ *List) string {
	return f.undoHeading("# ") + "table inet mxgate\ndelete table inet mxgate\n"
}

func testNft(f Format, l *List) []test {
	return []test{{program: "nft", args: []string{"-c", "-f", "-"}, input: writeNft(f, l), root: true}}
}
