package firewall

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// maxIpset is how many elements a set takes, unless it is made for more: ipset(8),
// maxelem. One that was made cannot grow.
const maxIpset = 65536

// chainName is our chain, for both families.
const chainName = "MXGATE"

// lastTime is the last moment that iptables can tell, and iptablesTime how it is
// told, in UTC. iptables-extensions(8), time.
var lastTime = time.Date(2038, 1, 19, 4, 17, 7, 0, time.UTC)

const iptablesTime = "2006-01-02T15:04:05"

// chain writes our chain for iptables-restore --noflush, which replaces the chain
// as a whole. It returns whoever is admitted to the rules behind it, and drops the
// rest. set is the ipset with the entries that have no end; "" puts them into the
// chain as well.
func chain(l *List, four bool, set string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "*filter\n:%s - [0:0]\n", chainName)
	rule := func(match string) { fmt.Fprintf(&b, "-A %s %s -j RETURN\n", chainName, match) }
	rule("-i lo")
	rule("! -p tcp")
	rule("-p tcp -m multiport ! --dports " + l.ports(","))
	if set != "" {
		rule("-m set --match-set " + set + " src")
	}
	for _, e := range l.of(four) {
		match := "-s " + e.Range.String()
		switch end := endOf(e.Until).Add(-time.Second); {
		case ends(e) && end.After(lastTime):
			match += " -m time --datestop " + lastTime.Format(iptablesTime)
		case ends(e):
			match += " -m time --datestop " + end.Format(iptablesTime)
		case set != "":
			continue
		}
		rule(match + ` -m comment --comment "` + e.Comment() + `"`)
	}
	fmt.Fprintf(&b, "-A %s -j DROP\nCOMMIT\n", chainName)
	return b.String()
}

// ends reports whether e has a last day: then it stands in the chain even where
// there is an ipset, because only a rule can have a date.
func ends(e Entry) bool { return !e.Until.IsZero() }

// jump leads INPUT through our chain, first of all. The chain stands already.
func jump(iptables string) string {
	return fmt.Sprintf("%[1]s -w -C INPUT -j %[2]s 2>/dev/null || %[1]s -w -I INPUT 1 -j %[2]s\n", iptables, chainName)
}

func restore(program, text string) string { return program + " <<'END'\n" + text + "END\n" }

func writeIptables(f Format, l *List) string {
	return "#!/bin/sh\n" + f.heading("# ", l) + "set -eu\nPATH=\"$PATH:/usr/sbin:/sbin\"\n" +
		restore("iptables-restore -w --noflush", chain(l, true, "")) + jump("iptables") +
		restore("ip6tables-restore -w --noflush", chain(l, false, "")) + jump("ip6tables")
}

// writeIpset fills a new set and swaps it with the one in force.
func writeIpset(f Format, l *List) string {
	var b strings.Builder
	b.WriteString("#!/bin/sh\n" + f.heading("# ", l) + "set -eu\nPATH=\"$PATH:/usr/sbin:/sbin\"\n")
	for _, family := range []struct {
		four              bool
		set, kind, prefix string
	}{{true, "mxgate4", "inet", "iptables"}, {false, "mxgate6", "inet6", "ip6tables"}} {
		var sets strings.Builder
		for _, name := range []string{family.set, family.set + "-new"} {
			fmt.Fprintf(&sets, "create %s hash:net family %s comment\n", name, family.kind)
		}
		fmt.Fprintf(&sets, "flush %s-new\n", family.set)
		for _, e := range l.of(family.four) {
			if ends(e) {
				continue
			}
			for _, p := range halves(e.Range) {
				fmt.Fprintf(&sets, "add %s-new %s comment \"%s\"\n", family.set, p, e.Comment())
			}
		}
		fmt.Fprintf(&sets, "swap %[1]s-new %[1]s\ndestroy %[1]s-new\n", family.set)
		b.WriteString(restore("ipset -exist restore", sets.String()) +
			restore(family.prefix+"-restore -w --noflush", chain(l, family.four, family.set)) + jump(family.prefix))
	}
	return b.String()
}

// halves returns p, or its halves if it is everything: hash:net knows no /0.
func halves(p netip.Prefix) []netip.Prefix {
	if p.Bits() > 0 {
		return []netip.Prefix{p}
	}
	low := netip.PrefixFrom(p.Addr(), 1)
	return []netip.Prefix{low, netip.PrefixFrom(behind(low), 1)}
}

// undoIptables first asks what anybody but root is refused, so that it does not
// say that all is well where nothing was done.
func undoIptables(f Format, _ *List) string {
	return "#!/bin/sh\n" + f.undoHeading("# ") + `set -eu
PATH="$PATH:/usr/sbin:/sbin"
for program in iptables ip6tables; do
	$program -w -S >/dev/null
	while $program -w -D INPUT -j MXGATE 2>/dev/null; do :; done
	if $program -w -S MXGATE >/dev/null 2>&1; then
		$program -w -F MXGATE
		$program -w -X MXGATE
	fi
done
`
}

func undoIpset(f Format, l *List) string {
	return undoIptables(f, l) + `for set in mxgate4 mxgate6; do
	if ipset list -n "$set" >/dev/null 2>&1; then
		ipset destroy "$set"
	fi
done
`
}

// testIptables has no test of the scripts around the chains, which do not change.
func testIptables(_ Format, l *List) []test {
	args := []string{"--test", "--noflush"}
	return []test{
		{program: "iptables-restore", args: args, input: chain(l, true, ""), root: true},
		{program: "ip6tables-restore", args: args, input: chain(l, false, ""), root: true},
	}
}

// testShell checks the syntax of a script.
func testShell(f Format, l *List) []test {
	return []test{{program: "sh", args: []string{"-n"}, input: f.write(f, l)}}
}
