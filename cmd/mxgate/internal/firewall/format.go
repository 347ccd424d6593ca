package firewall

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// ErrFormat is wrapped by what Write and Lookup refuse.
var ErrFormat = errors.New("firewall: format")

// Format is one firewall's language.
type Format struct {
	Name string
	Does string // what it is for, in a few words
	// Load and Undo are how people load a file, and how they load the way back
	// from the first one; FILE stands for its name.
	Load, Undo string
	// Ends says that the rules keep to the last day of a source by themselves.
	Ends bool
	// Needs is what must hold besides, or the rules close nothing: behind "only
	// if"; may be empty.
	Needs string

	// Ending is how the name of a file must end for the firewall's tool to take it;
	// may be empty.
	Ending string

	most  int // entries it takes; 0: no limit
	quota int // rules of a family, one for each entry and port, beyond which the default quota ends; 0: none
	// write makes the rules, undo what takes them away again, tests the dry runs
	// (nil: there is none).
	write, undo func(Format, *List) string
	tests       func(Format, *List) []test
	mark        string // stands in each file of the format and in no other format's
}

// formats in the order in which help shows them.
var formats = []Format{
	{
		Name: "nft", Does: "nftables, loaded in one transaction", Ends: true, Load: "nft -f FILE", Undo: "nft -f FILE",
		write: writeNft, undo: undoNft, tests: testNft, mark: "mxgate firewall, nft:",
	},
	{
		Name: "ipset", Does: "shell script: ipset, swapped in, and iptables", Ends: true, Load: "sh FILE", Undo: "sh FILE",
		most: maxIpset, write: writeIpset, undo: undoIpset, tests: testShell, mark: "mxgate firewall, ipset:",
	},
	{
		Name: "iptables", Does: "shell script: iptables alone, for short lists", Ends: true, Load: "sh FILE", Undo: "sh FILE",
		write: writeIptables, undo: undoIptables, tests: testIptables, mark: "mxgate firewall, iptables:",
	},
	{
		Name: "pf", Does: "anchor for pf (OpenBSD, FreeBSD)", Load: "pfctl -a mxgate -f FILE", Undo: "pfctl -a mxgate -f FILE",
		Needs: `pf.conf has the line anchor "mxgate", before rules that pass these ports with quick`,
		write: writePf, undo: undoPf, tests: testPf, mark: "mxgate firewall, pf:",
	},
	{
		Name: "netsh", Does: "Windows, netsh", Load: "cmd /c FILE", Undo: "cmd /c FILE", Needs: windowsNeeds, Ending: ".cmd",
		write: writeNetsh, undo: undoNetsh, mark: "mxgate firewall, netsh:",
	},
	{
		Name: "powershell", Does: "Windows, PowerShell", Load: powershellLoad, Undo: powershellLoad, Needs: windowsNeeds, Ending: ".ps1",
		write: writePowershell, undo: undoPowershell, mark: "mxgate firewall, powershell:",
	},
	{
		Name: "exchange", Does: "Exchange receive connector", Load: exchangeLoad, Undo: exchangeLoad, Ending: ".ps1",
		Needs: "this Exchange takes mail from the provider itself (behind mxgate it needs the address of mxgate only), and no other connector has the port with wider ranges",
		write: writeExchange, undo: undoExchange, mark: "mxgate firewall, exchange:",
	},
	{
		Name: "azure", Does: "Azure network security group, as securityRules of a template", Load: "put securityRules into your template", Undo: "put securityRules into your template",
		Needs: azureNeeds, most: maxAzure, write: writeAzure, undo: undoAzure, mark: `"name": "` + azureDeny + `"`,
	},
	{
		Name: "azure-cli", Does: "the same, shell script for az", Load: "GROUP=... NSG=... sh FILE", Undo: "GROUP=... NSG=... sh FILE",
		Needs: azureNeeds, most: maxAzure, write: writeAzureCLI, undo: undoAzureCLI, tests: testShell, mark: "mxgate firewall, azure-cli:",
	},
	{
		Name: "aws", Does: "AWS security group, as IpPermissions",
		Load:  "aws ec2 authorize-security-group-ingress --group-id ... --cli-input-json file://FILE",
		Undo:  "aws ec2 revoke-security-group-ingress --group-id ... --cli-input-json file://FILE",
		Needs: awsNeeds + ", and you revoke what an earlier file admitted (aws-cli does that by itself)", quota: quotaAWS,
		write: writeAWS, undo: writeAWS, mark: `{
  "IpPermissions": [`,
	},
	{
		Name: "aws-cli", Does: "the same, shell script for aws", Load: "SG=... sh FILE", Undo: "SG=... sh FILE", Needs: awsNeeds, quota: quotaAWS,
		write: writeAWSCLI, undo: undoAWSCLI, tests: testShell, mark: "mxgate firewall, aws-cli:",
	},
	{
		Name: "plain", Does: "one range on a line, for everything else", Load: "up to you", Undo: "up to you",
		Needs: "a rule of yours refuses these ports to all others",
		write: writePlain, undo: undoPlain, mark: "mxgate firewall, plain:",
	},
}

// Formats lists the formats.
func Formats() []Format { return slices.Clone(formats) }

// Lookup returns the format with the given name.
func Lookup(name string) (Format, error) {
	for _, f := range formats {
		if f.Name == name {
			return f, nil
		}
	}
	var all []string
	for _, f := range formats {
		all = append(all, f.Name)
	}
	return Format{}, fmt.Errorf("%w %.40q: expected one of %s", ErrFormat, name, strings.Join(all, ", "))
}

// Write writes l in format f. A list that is longer than the firewall takes is
// ErrFormat.
func (f Format) Write(l *List) (string, error) {
	if f.most > 0 && len(l.Entries) > f.most {
		return "", fmt.Errorf("%w %s: %d ranges: it takes at most %d", ErrFormat, f.Name, len(l.Entries), f.most)
	}
	return f.write(f, l), nil
}

// WriteUndo writes what takes the rules of l away when there were none before.
func (f Format) WriteUndo(l *List) string { return f.undo(f, l) }

// Rollback is the name of the file with the way back from file. The tools of
// Windows take a file by the end of its name.
func (f Format) Rollback(file string) string {
	return strings.TrimSuffix(file, f.Ending) + ".rollback" + f.Ending
}

// Notes are what people must know of the rules before they load them, each one
// sentence.
func (f Format) Notes(l *List) []string {
	var notes []string
	if f.Needs != "" {
		notes = append(notes, "the rules close something only if "+f.Needs)
	}
	if rules := max(len(l.of(true)), len(l.of(false))) * len(l.Ports); f.quota > 0 && rules > f.quota {
		notes = append(notes, fmt.Sprintf("%d rules of a family, one for each range and port: the default quota of a security group is %d", rules, f.quota))
	}
	for _, s := range l.Over {
		notes = append(notes, fmt.Sprintf("source %q is over since %s and not on the list", label(s.Name), s.OverSince().Format(time.DateOnly)))
	}
	for _, s := range l.Coming {
		notes = append(notes, fmt.Sprintf("source %q begins on %s and is not on the list: make the rules again then, or its mail waits outside", label(s.Name), s.ValidFrom.UTC().Format(time.DateOnly)))
	}
	var told []string
	for _, e := range l.Entries {
		if e.Until.IsZero() || slices.Contains(told, e.Source) {
			continue
		}
		told = append(told, e.Source)
		end := "the rules close by themselves then"
		if !f.Ends {
			end = "the rules do not know it: make them again the day after"
		}
		notes = append(notes, fmt.Sprintf("source %q ends on %s: %s", label(e.Source), e.Until.UTC().Format(time.DateOnly), end))
	}
	return notes
}

// heading is the comment at the top of a file, each line behind begin.
func (f Format) heading(begin string, l *List) string {
	lines := []string{
		f.mark + " who may connect to TCP port " + l.ports(", "),
		"Made from the sources of the configuration: change those and make it again.",
		"Load: " + f.Load,
	}
	if f.Needs != "" {
		lines = append(lines, "It closes something only if "+f.Needs+".")
	}
	return begin + strings.Join(lines, "\n"+begin) + "\n"
}

// undoHeading is heading for the file that takes everything away.
func (f Format) undoHeading(begin string) string {
	return begin + f.mark + " takes the rules away; there were none before\n" + begin + "Load: " + f.Undo + "\n"
}
