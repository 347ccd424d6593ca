package firewall

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// Names and priorities of our rules. They come first: a rule of somebody else
// that admits everybody must not be asked before ours.
const (
	azureAllow4 = "mxgate-allow-v4"
	azureAllow6 = "mxgate-allow-v6"
	azureDeny   = "mxgate-deny"
	azureFirst  = 100 // the least there is; ours are this and the next two
)

const (
	azureNeeds = "no other rule of the group has a priority from 100 to 102"
	awsNeeds   = "no other rule, and no other group of the interface, allows these ports"

	maxAzure = 4000 // addresses and ranges in one network security group
	quotaAWS = 60   // rules of one family in one security group

	awsMark = "mxgate: " // begins the description of each of our rules
)

// azureRule is one rule of a network security group, as templates write it.
type azureRule struct {
	Name       string          `json:"name"`
	Properties azureProperties `json:"properties"`
}

type azureProperties struct {
	Description              string   `json:"description"`
	Priority                 int      `json:"priority"`
	Direction                string   `json:"direction"`
	Access                   string   `json:"access"`
	Protocol                 string   `json:"protocol"`
	SourcePortRange          string   `json:"sourcePortRange"`
	SourceAddressPrefix      string   `json:"sourceAddressPrefix,omitempty"`
	SourceAddressPrefixes    []string `json:"sourceAddressPrefixes,omitempty"`
	DestinationAddressPrefix string   `json:"destinationAddressPrefix"`
	DestinationPortRanges    []string `json:"destinationPortRanges"`
}

// azureRules are a rule for each family on the list, and one that denies the
// Internet: not "*", which has the probes of a load balancer in it.
func azureRules(l *List) []azureRule {
	rule := func(n int, name, access, description string) azureRule {
		return azureRule{name, azureProperties{
			Description: description, Priority: azureFirst + n, Direction: "Inbound", Access: access, Protocol: "Tcp",
			SourcePortRange: "*", DestinationAddressPrefix: "*", DestinationPortRanges: strings.Split(l.ports(" "), " "),
		}}
	}
	var rules []azureRule
	for n, name := range []string{azureAllow4, azureAllow6} {
		r := rule(n, name, "Allow", "who may deliver mail; made by mxgate firewall")
		for _, e := range l.of(name == azureAllow4) {
			r.Properties.SourceAddressPrefixes = append(r.Properties.SourceAddressPrefixes, e.Range.String())
		}
		if r.Properties.SourceAddressPrefixes != nil {
			rules = append(rules, r)
		}
	}
	deny := rule(2, azureDeny, "Deny", "nobody else; made by mxgate firewall")
	deny.Properties.SourceAddressPrefix = "Internet"
	return append(rules, deny)
}

func writeAzure(_ Format, l *List) string {
	return indented(map[string]any{"securityRules": azureRules(l)})
}

func undoAzure(Format, *List) string { return indented(map[string]any{"securityRules": []azureRule{}}) }

const azureFunctions = `set -eu
: "${GROUP:?expected the resource group}" "${NSG:?expected the network security group}"
delete() {
	az network nsg rule delete --resource-group "$GROUP" --nsg-name "$NSG" --name "$1"
}
`

// writeAzureCLI names the same rules each time: az replaces those that are there,
// and a family without entries loses its rule.
func writeAzureCLI(f Format, l *List) string {
	var b strings.Builder
	b.WriteString("#!/bin/sh\n" + f.heading("# ", l))
	for _, e := range l.Entries {
		fmt.Fprintf(&b, "# %s: %s\n", e.Range, e.Comment())
	}
	b.WriteString(azureFunctions)
	fmt.Fprintf(&b, "rule() {\n\taz network nsg rule create --resource-group \"$GROUP\" --nsg-name \"$NSG\" --direction Inbound --protocol Tcp \\\n"+
		"\t\t--destination-port-ranges %s --output none \"$@\"\n}\n", l.ports(" "))
	there := map[string]bool{}
	for _, r := range azureRules(l) {
		there[r.Name] = true
		from := r.Properties.SourceAddressPrefixes
		if from == nil {
			from = []string{r.Properties.SourceAddressPrefix}
		}
		fmt.Fprintf(&b, "rule --name %s --priority %d --access %s --source-address-prefixes \\\n\t%s\n",
			r.Name, r.Properties.Priority, r.Properties.Access, strings.Join(from, " \\\n\t"))
	}
	for _, name := range []string{azureAllow4, azureAllow6} {
		if !there[name] {
			fmt.Fprintf(&b, "delete %s\n", name)
		}
	}
	return b.String()
}

func undoAzureCLI(f Format, _ *List) string {
	text := "#!/bin/sh\n" + f.undoHeading("# ") + azureFunctions
	for _, name := range []string{azureDeny, azureAllow4, azureAllow6} {
		text += "delete " + name + "\n"
	}
	return text
}

// awsPermission is one IpPermission of EC2.
type awsPermission struct {
	IPProtocol string    `json:"IpProtocol"`
	FromPort   uint16    `json:"FromPort"`
	ToPort     uint16    `json:"ToPort"`
	IPRanges   []awsIPv4 `json:"IpRanges,omitempty"`
	IPv6Ranges []awsIPv6 `json:"Ipv6Ranges,omitempty"`
}

type awsIPv4 struct {
	CIDR        string `json:"CidrIp"`
	Description string `json:"Description"`
}

type awsIPv6 struct {
	CIDR        string `json:"CidrIpv6"`
	Description string `json:"Description"`
}

func awsPermissionOf(port uint16, entries []Entry) awsPermission {
	p := awsPermission{IPProtocol: "tcp", FromPort: port, ToPort: port}
	for _, e := range entries {
		if e.Range.Addr().Is4() {
			p.IPRanges = append(p.IPRanges, awsIPv4{e.Range.String(), awsMark + e.Comment()})
		} else {
			p.IPv6Ranges = append(p.IPv6Ranges, awsIPv6{e.Range.String(), awsMark + e.Comment()})
		}
	}
	return p
}

func writeAWS(_ Format, l *List) string {
	var all []awsPermission
	for _, port := range l.Ports {
		all = append(all, awsPermissionOf(port, l.Entries))
	}
	return indented(map[string]any{"IpPermissions": all})
}

// awsHead reads the rules of a group for one TCP port each, as lines of ID, port,
// range and description.
const awsHead = `set -eu
: "${SG:?expected the id of the security group}"
before=$(aws ec2 describe-security-group-rules --filters "Name=group-id,Values=$SG" --output text \
	--query "SecurityGroupRules[?!IsEgress && IpProtocol=='tcp' && FromPort==ToPort].[SecurityGroupRuleId, FromPort, CidrIpv4 || CidrIpv6, Description]")
wanted=" "
`

// awsAdmit adds a rule that is not there, or gives one of ours its description.
// What somebody else's rule admits needs none of ours: EC2 refuses a second one.
const awsAdmit = `admit() { # PORT RANGE DESCRIPTION PERMISSIONS
	wanted="$wanted$1,$2 "
	there=$(printf '%s\n' "$before" | awk -F '\t' -v port="$1" -v range="$2" '$2 == port && $3 == range { print "is " $4 }')
	case $there in
	"is $3") ;;
	"") aws ec2 authorize-security-group-ingress --group-id "$SG" --ip-permissions "$4" >/dev/null ;;
	"is ` + awsMark + `"*) aws ec2 update-security-group-rule-descriptions-ingress --group-id "$SG" --ip-permissions "$4" >/dev/null ;;
	esac
}
`

// awsRevoke takes away the rules that are ours by their description and were not
// wanted.
const awsRevoke = `gone=$(printf '%s\n' "$before" | awk -F '\t' -v wanted="$wanted" 'index($4, "` + awsMark + `") == 1 && !index(wanted, " " $2 "," $3 " ") { print $1 }')
if [ -n "$gone" ]; then
	aws ec2 revoke-security-group-ingress --group-id "$SG" --security-group-rule-ids $gone >/dev/null
fi
`

// writeAWSCLI admits before it revokes: if EC2 refuses a rule, for a quota say, the
// script ends and whoever was admitted still is.
func writeAWSCLI(f Format, l *List) string {
	var b strings.Builder
	b.WriteString("#!/bin/sh\n" + f.heading("# ", l) + awsHead + awsAdmit)
	for _, port := range l.Ports {
		for _, e := range l.Entries {
			fmt.Fprintf(&b, "admit %d %s '%s' '[%s]'\n", port, e.Range, awsMark+e.Comment(), encoded(awsPermissionOf(port, []Entry{e}), ""))
		}
	}
	b.WriteString(awsRevoke)
	return b.String()
}

func undoAWSCLI(f Format, _ *List) string {
	return "#!/bin/sh\n" + f.undoHeading("# ") + awsHead + awsRevoke
}

// indented is v in JSON, for people too.
func indented(v any) string { return encoded(v, "  ") + "\n" }

// encoded is v in JSON.
func encoded(v any, indent string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	if err := e.Encode(v); err != nil {
		panic(err) // strings and numbers only
	}
	return strings.TrimSuffix(b.String(), "\n")
}
