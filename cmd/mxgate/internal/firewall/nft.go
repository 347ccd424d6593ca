package firewall

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// nftTable is our table, and nftChain where it decides.
const (
	nftTable = "inet mxgate"
	nftChain = nftTable + " smtp"
)

// nftSet is the entries of one family with the same last day.
type nftSet struct {
	name    string // "allow4", "allow6"; "" for a set with an end
	family  string // of the match: "ip" or "ip6"
	until   time.Time
	entries []Entry
}

// nftSets sorts the entries into sets, in the order of their first addresses.
func nftSets(l *List) []*nftSet {
	var sets []*nftSet
	for _, e := range l.Entries {
		family, name := "ip", "allow4"
		if e.Range.Addr().Is6() {
			family, name = "ip6", "allow6"
		}
		if ends(e) {
			name = ""
		}
		at := slices.IndexFunc(sets, func(s *nftSet) bool { return s.family == family && s.until.Equal(e.Until) })
		if at < 0 {
			at = len(sets)
			sets = append(sets, &nftSet{name: name, family: family, until: e.Until})
		}
		sets[at].entries = append(sets[at].entries, e)
	}
	return sets
}

// elements writes the ranges of s, each on a line behind indent.
func (s *nftSet) elements(indent string) string {
	var b strings.Builder
	for _, e := range s.entries {
		fmt.Fprintf(&b, "%s%s comment \"%s\",\n", indent, e.Range, e.Comment())
	}
	return b.String()
}

// nftAnew empties what an earlier file may have left, and makes what is to be
// emptied if there was none: nft deletes only what is there. The table itself
// stays, and with it the counter: how often strangers were refused is not told
// anew with each load.
const nftAnew = `table ` + nftTable + ` {
	counter refused { }
	set allow4 { type ipv4_addr; flags interval; }
	set allow6 { type ipv6_addr; flags interval; }
	chain smtp { type filter hook input priority filter - 10; policy accept; }
}
flush chain ` + nftChain + `
delete set ` + nftTable + ` allow4
delete set ` + nftTable + ` allow6
`

// writeNft makes a table of its own. nft loads a file as one transaction: there is
// no moment without the rules. Its accept ends only its own chain (nft(8),
// "verdicts"), its drop is final: whatever a chain of somebody else passes. The
// sets are deleted, not flushed: a new set has nothing to overlap with.
//
// A set with an end stands in its rule: its name would have to hold the day, and
// the next file would not know what to delete.
//
// Deviation from TRACE.md, Section 9: no timeout for entries that end. It is told
// from the moment of loading, so a file loaded at each boot would keep an old
// provider for ever; meta time is a date.
func writeNft(f Format, l *List) string {
	var b strings.Builder
	b.WriteString(f.heading("# ", l) + nftAnew + "table " + nftTable + " {\n")
	sets := nftSets(l)
	for _, s := range sets {
		if s.name == "" {
			continue
		}
		kind := map[string]string{"ip": "ipv4_addr", "ip6": "ipv6_addr"}[s.family]
		fmt.Fprintf(&b, "\tset %s {\n\t\ttype %s\n\t\tflags interval\n\t\telements = {\n%s\t\t}\n\t}\n\n", s.name, kind, s.elements("\t\t\t"))
	}
	// The whole host, and everything but these ports, is none of our business:
	// each rule names the ports.
	port := "\t\ttcp dport { " + l.ports(", ") + " }"
	fmt.Fprintf(&b, "\tchain smtp {\n%s iif \"lo\" accept\n", port)
	for _, s := range sets {
		if s.name == "" {
			fmt.Fprintf(&b, "%s meta time < %d %s saddr {\n%s\t\t} accept\n", port, endOf(s.until).Unix(), s.family, s.elements("\t\t\t"))
		} else {
			fmt.Fprintf(&b, "%s %s saddr @%s accept\n", port, s.family, s.name)
		}
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
	return f.undoHeading("# ") + "table " + nftTable + "\ndelete table " + nftTable + "\n"
}

func testNft(f Format, l *List) []test {
	return []test{{program: "nft", args: []string{"-c", "-f", "-"}, input: writeNft(f, l), root: true}}
}
