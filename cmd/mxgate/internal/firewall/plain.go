package firewall

import (
	"fmt"
	"strings"
)

// writePlain groups nothing: a comment stands above the first range it is about.
func writePlain(f Format, l *List) string {
	var b strings.Builder
	b.WriteString(f.heading("# ", l))
	said := ""
	for _, e := range l.Entries {
		if comment := e.Comment(); comment != said {
			said = comment
			fmt.Fprintf(&b, "# %s\n", comment)
		}
		fmt.Fprintln(&b, e.Range)
	}
	return b.String()
}

func undoPlain(f Format, _ *List) string { return f.undoHeading("# ") }

// writePf fills an anchor. Its table goes with the rule that names it. It only blocks, and on this machine only: what is
// admitted goes on to the other rules.
func writePf(f Format, l *List) string {
	var b strings.Builder
	b.WriteString(f.heading("# ", l) + "table <mxgate_allow> {\n")
	for _, e := range l.Entries {
		fmt.Fprintf(&b, "\t%s # %s\n", e.Range, e.Comment())
	}
	fmt.Fprintf(&b, "}\nblock drop in quick on ! lo proto tcp from ! <mxgate_allow> to (self) port { %s }\n", l.ports(", "))
	return b.String()
}

// undoPf is an anchor without rules.
func undoPf(f Format, _ *List) string { return f.undoHeading("# ") }

func testPf(f Format, l *List) []test {
	return []test{{program: "pfctl", args: []string{"-n", "-a", "mxgate", "-f", "-"}, input: writePf(f, l), root: true}}
}
