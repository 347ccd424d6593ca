package firewall

import (
	"fmt"
	"strings"
)

const windowsNeeds = "the firewall is on and blocks by default, and no other rule allows these ports (Exchange brings its own)"

// How people load scripts of PowerShell: neither looks into the directory it is in.
const (
	powershellLoad = "powershell -ExecutionPolicy Bypass -File FILE"
	exchangeLoad   = `& (Resolve-Path FILE) -Connector 'SERVER\CONNECTOR', in the Exchange Management Shell`
)

// maxNetshOctets bounds the ranges of one command: cmd.exe takes a line of 8191
// characters.
const maxNetshOctets = 6000

// Names of our rules: netsh cannot change the addresses of several rules with one
// name, so the list stands under the second one while the first is made anew.
const (
	netshName  = "mxgate SMTP"
	netshOther = "mxgate SMTP new"
)

// writeNetsh makes as many rules as the lines need, all with one name. At each
// moment one whole list is there, the old one or the new one; if a rule is refused
// the old one stays.
func writeNetsh(f Format, l *List) string {
	var b strings.Builder
	b.WriteString("@echo off\n" + f.heading("rem ", l))
	for _, e := range l.Entries {
		fmt.Fprintf(&b, "rem %s: %s\n", e.Range, e.Comment())
	}
	b.WriteString(netshDelete(netshOther) + netshAdd(netshOther, l) + netshDelete(netshName) + netshAdd(netshName, l) + netshDelete(netshOther) + "exit /b 0\n")
	return strings.ReplaceAll(b.String(), "\n", "\r\n")
}

// netshAdd adds the list under a name.
func netshAdd(name string, l *List) string {
	var b strings.Builder
	var line []string
	octets := 0
	flush := func() {
		fmt.Fprintf(&b, "netsh advfirewall firewall add rule name=\"%s\" dir=in action=allow protocol=TCP localport=%s remoteip=%s || exit /b 1\n",
			name, l.ports(","), strings.Join(line, ","))
		line, octets = nil, 0
	}
	for _, e := range l.Entries {
		text := e.Range.String()
		if octets += len(text) + 1; octets > maxNetshOctets {
			flush()
			octets = len(text) + 1
		}
		line = append(line, text)
	}
	flush()
	return b.String()
}

// netshDelete deletes all rules with a name. That there is none is no fault.
func netshDelete(name string) string {
	return "netsh advfirewall firewall delete rule name=\"" + name + "\" >nul\n"
}

// undoNetsh ends well, whatever was there.
func undoNetsh(f Format, _ *List) string {
	return strings.ReplaceAll("@echo off\n"+f.undoHeading("rem ")+netshDelete(netshOther)+netshDelete(netshName)+"exit /b 0\n", "\n", "\r\n")
}

// powershellArray is the list as $allow.
func powershellArray(l *List) string {
	var b strings.Builder
	b.WriteString("$allow = @(\n")
	for _, e := range l.Entries {
		fmt.Fprintf(&b, "    '%s' # %s\n", e.Range, e.Comment())
	}
	b.WriteString(")\n")
	return b.String()
}

// writePowershell changes our rule in one step, so that there is no moment in which
// nobody is admitted, and shows what else decides.
func writePowershell(f Format, l *List) string {
	return f.heading("# ", l) + "$ErrorActionPreference = 'Stop'\n" + powershellArray(l) +
		fmt.Sprintf("$ports = @('%s')\n", l.ports("', '")) +
		`$rule = @{ Direction = 'Inbound'; Action = 'Allow'; Enabled = 'True'; Protocol = 'TCP'; LocalPort = $ports; RemoteAddress = $allow }
if (Get-NetFirewallRule -Name 'mxgate-smtp' -ErrorAction SilentlyContinue) {
    Set-NetFirewallRule -Name 'mxgate-smtp' @rule
} else {
    New-NetFirewallRule -Name 'mxgate-smtp' -DisplayName 'mxgate SMTP' @rule | Out-Null
}
# Shown only: the profiles must block by default, and no other rule may be listed.
Get-NetFirewallProfile | Format-Table Name, Enabled, DefaultInboundAction
foreach ($port in $ports) {
    Get-NetFirewallPortFilter -Protocol TCP | Where-Object { $_.LocalPort -contains $port -or $_.LocalPort -contains 'Any' } | Get-NetFirewallRule |
        Where-Object { $_.Direction -eq 'Inbound' -and $_.Action -eq 'Allow' -and $_.Enabled -eq 'True' -and $_.Name -ne 'mxgate-smtp' } |
        Format-Table Name, DisplayName
}
`
}

func undoPowershell(f Format, _ *List) string {
	return f.undoHeading("# ") + "Remove-NetFirewallRule -Name 'mxgate-smtp' -ErrorAction SilentlyContinue\n"
}

// writeExchange shows what the connector had: its ranges may be of any making, so
// the file cannot know the way back.
func writeExchange(f Format, l *List) string {
	return f.heading("# ", l) + exchangeParam + powershellArray(l) +
		`'Before:'
(Get-ReceiveConnector -Identity $Connector).RemoteIPRanges | ForEach-Object { "$_" }
Set-ReceiveConnector -Identity $Connector -RemoteIPRanges $allow
`
}

const exchangeParam = "param([Parameter(Mandatory = $true)][string]$Connector)\n$ErrorActionPreference = 'Stop'\n"

// undoExchange opens the connector to everybody, which is what a new one has.
func undoExchange(f Format, _ *List) string {
	return f.undoHeading("# ") + exchangeParam +
		"# What a new connector has; if yours had other ranges, the first run has shown them.\n" +
		"Set-ReceiveConnector -Identity $Connector -RemoteIPRanges '0.0.0.0-255.255.255.255', '::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'\n"
}
