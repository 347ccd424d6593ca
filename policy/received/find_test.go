package received

import (
	"net/netip"
	"strings"
	"testing"

	"mxgate/policy/mail"
)

// transaction carries header, as if it had come at nine with the reverse-path
// of ann@example.org; null: with none.
func transaction(t testing.TB, header string, null bool) *mail.Transaction {
	t.Helper()
	tx := &mail.Transaction{Message: message(t, header+"\r\n"), ReceivedAt: nine}
	if !null {
		tx.Envelope.ReversePath = mail.Address{Local: "ann", Domain: "example.org"}
	}
	return tx
}

// fields makes a header section of Received values; what begins with a name and a
// colon stays as it is.
func fields(values ...string) string {
	var b strings.Builder
	for _, v := range values {
		if !strings.HasPrefix(v, "X-") && !strings.HasPrefix(v, "Received-") && !strings.HasPrefix(v, "From:") {
			v = "Received: " + v
		}
		b.WriteString(v + "\r\n")
	}
	return b.String()
}

// provided is a provider that says in every way who its client was.
var provided = Boundary{
	Ingress: []string{"*.edge.provider.example"}, Inner: []string{"*.core.provider.example"}, ReceivedBy: []string{"provider.example"}, Ranges: inProvider,
	Witnesses: []string{"X-BESS-Apparent-Source-IP", "X-IronPort-RemoteIP", "X-TM-Received-SPF (client-ip=)", "X-TM-AS-ERS (IP-code)", "X-Forefront-Antispam-Report (CIP:, 255.255.255.255 = tenant-internal)",
		"X-FE-Last-Public-Client-IP", "X-FEAS-SPF (ip=)", "Received-SPF (client-ip=)", "Authentication-Results (sender IP is ..)", "X-Originating-IP ([ip])", "X-MS-Exchange-CrossTenant-OriginalAttributedTenantConnectingIp (Ip=[..])"},
	Tenant: "4711-ab", TenantFields: []string{"X-MS-Exchange-CrossTenant-Id", "X-EOPTenantAttributedMessage"},
}

func TestTheTraceIsWeighedAgainstTheProvidersOwnField(t *testing.T) {
	const says192 = "X-IronPort-RemoteIP: 192.0.2.7"
	chained := provided
	chained.Chained = true
	byName := provided
	byName.Ingress = nil
	for _, c := range []struct {
		name   string
		b      Boundary
		values []string
		ip     string // "" for none
		conf   Confidence
		by     string // name of the witness
		why    string
	}{
		{"nobody speaks", provided, []string{inside, edge}, "192.0.2.7", Medium, "", ""},
		{"the same", provided, []string{inside, says192, edge}, "192.0.2.7", High, "X-IronPort-RemoteIP", "X-IronPort-RemoteIP says the same"},
		{"the same, where the border is known by name only", byName, []string{says192, outside}, "192.0.2.7", Medium, "X-IronPort-RemoteIP", "says the same"},
		{"another one", provided, []string{inside, "X-IronPort-RemoteIP: 192.0.2.99", edge}, "", None, "X-IronPort-RemoteIP", "shows client 192.0.2.7; but X-IronPort-RemoteIP shows 192.0.2.99"},
		{"another one, where the border is known by name only", byName, []string{"X-IronPort-RemoteIP: 192.0.2.99", outside}, "", None, "X-IronPort-RemoteIP", "192.0.2.99"},
		{"another one below the border", provided, []string{inside, edge, "X-IronPort-RemoteIP: 192.0.2.99"}, "192.0.2.7", Medium, "", ""},
		{"the topmost counts", provided, []string{says192, "X-IronPort-RemoteIP: 192.0.2.99", edge}, "192.0.2.7", High, "X-IronPort-RemoteIP", ""},
		{"Barracuda", provided, []string{"X-BESS-Apparent-Source-IP: 192.0.2.7", edge}, "192.0.2.7", High, "X-BESS-Apparent-Source-IP", ""},
		{"Trend Micro", provided, []string{"X-TM-Received-SPF: Pass (domain of a@example.org designates 192.0.2.7 as permitted sender) client-ip=192.0.2.7;\r\n envelope-from=a@example.org; helo=x", edge}, "192.0.2.7", High, "X-TM-Received-SPF", ""},
		{"Microsoft", provided, []string{"X-Forefront-Antispam-Report: CIP:192.0.2.7;CTRY:US;LANG:en", edge}, "192.0.2.7", High, "X-Forefront-Antispam-Report", ""},
		{"Microsoft, a connector", provided, []string{"X-MS-Exchange-CrossTenant-OriginalAttributedTenantConnectingIp: TenantId=1;Ip=[192.0.2.7];Helo=[mx.example.com]", edge}, "192.0.2.7", High, "X-MS-Exchange-CrossTenant-OriginalAttributedTenantConnectingIp", ""},
		{"Microsoft, its results", provided, []string{"X-Authentication-Results: spf=pass (sender IP is 192.0.2.99)\r\nAuthentication-Results: spf=pass (sender IP is 192.0.2.7)\r\n smtp.mailfrom=example.org; dkim=none", edge}, "192.0.2.7", High, "Authentication-Results", ""},
		{"Fortinet", provided, []string{"X-FEAS-SPF: spf-result=pass, ip=192.0.2.7, helo=x, mailFrom=a@example.org", edge}, "192.0.2.7", High, "X-FEAS-SPF", ""},
		{"an address in brackets", provided, []string{"X-Originating-IP: [192.0.2.7]", edge}, "192.0.2.7", High, "X-Originating-IP", ""},
		{"a field that cannot be read", provided, []string{"X-TM-AS-ERS: 192.0.2.99-127.5.254.253", edge}, "192.0.2.7", Medium, "", ""},
		{"a field of another provider", Boundary{Ingress: provided.Ingress, Ranges: inProvider}, []string{"X-IronPort-RemoteIP: 192.0.2.99", edge}, "192.0.2.7", Medium, "", ""},
		{"a field that says nothing", provided, []string{"Received-SPF: None (provider.example: x does not designate permitted sender hosts)", edge}, "192.0.2.7", Medium, "", ""},
		{"no outside client", provided, []string{"X-Forefront-Antispam-Report: CIP:255.255.255.255;CTRY:", edge}, "192.0.2.7", Medium, "", ""},
		{"a private one", provided, []string{"X-FE-Last-Public-Client-IP: 10.1.2.3", edge}, "192.0.2.7", Medium, "", ""},
		{"of our own relay, about the provider", provided, []string{"Received-SPF: pass client-ip=198.51.100.9; helo=out.provider.example", says192, edge}, "192.0.2.7", High, "X-IronPort-RemoteIP", ""},
		{"ditto, where customers of the provider come in, too", chained, []string{"Received-SPF: pass client-ip=198.51.100.9; helo=out.provider.example", says192, edge}, "192.0.2.7", High, "X-IronPort-RemoteIP", ""},
		{"another customer of the provider", chained, []string{"X-IronPort-RemoteIP: 198.51.100.9", strings.Replace(edge, "192.0.2.7", "198.51.100.7", 1)}, "", None, "X-IronPort-RemoteIP", "198.51.100.9"},
		{"two addresses, one in the client's name", provided, []string{"Received-SPF: pass client-ip=192.0.2.7; helo=client-ip=192.0.2.99", edge}, "", None, "Received-SPF", "two different ones"},
		{"an address behind the key in a longer field", provided, []string{"Received-SPF: pass " + strings.Repeat("x", maxWitnessOctets) + " client-ip=192.0.2.99", edge}, "192.0.2.7", Medium, "", ""},
	} {
		o := Find(transaction(t, fields(c.values...), false), c.b)
		got := ""
		if o.IP.IsValid() {
			got = o.IP.String()
		}
		if got != c.ip || o.Confidence != c.conf || o.Witness.Name != c.by || !strings.Contains(o.Why, c.why) || (o.Class == Outside) != (got != "") {
			t.Errorf("%s: %+v", c.name, o)
		}
	}
}

func TestASealOverridesTheTrace(t *testing.T) {
	trace := Find(transaction(t, fields(inside, edge), false), provided)
	for _, c := range []struct {
		name, results, ip, method string
		conf                      Confidence
	}{
		{"Microsoft", "i=2; mx.microsoft.com 1; spf=pass (sender ip is 192.0.2.7) smtp.rcpttodomain=example.com smtp.mailfrom=example.org; dmarc=pass", "192.0.2.7", MethodIngress, High},
		{"Google", "i=1; mx.google.com; spf=pass (google.com: domain of a@example.org designates 192.0.2.7 as permitted sender) smtp.mailfrom=a@example.org", "192.0.2.7", MethodIngress, High},
		{"Google, fail", "i=1; mx.google.com; spf=fail (google.com: domain of a@example.org does not designate 2001:db8::7 as permitted sender) smtp.mailfrom=a@example.org", "2001:db8::7", MethodSeal, Medium},
		{"Hornetsecurity", "i=1; mx-gate1-hz1.hornetsecurity.com 1; spf=pass reason=mailfrom (ip=192.0.2.99, headerfrom=example.org) smtp.mailfrom=example.org", "192.0.2.99", MethodSeal, Medium},
		{"the client has written one, too", "i=1; mx.google.com; spf=pass (google.com: domain of \"x designates 192.0.2.99 as\"@example.org designates 192.0.2.7 as permitted sender)", "", MethodNone, None},
		{"none is named", "i=1; mx.google.com; dkim=pass header.d=example.org; spf=none smtp.mailfrom=[192.0.2.99]", "192.0.2.7", MethodIngress, Medium},
	} {
		o := trace
		if w, ok := Sealed(c.results, 0); ok {
			o = o.Weigh(w)
		}
		got := ""
		if o.IP.IsValid() {
			got = o.IP.String()
		}
		if got != c.ip || o.Method != c.method || o.Confidence != c.conf {
			t.Errorf("%s: %+v", c.name, o)
		}
	}
	if w, ok := Sealed("sender ip is 192.0.2.7 "+strings.Repeat("x", maxWitnessOctets), 0); ok {
		t.Errorf("too long: %+v", w)
	}
	if o := (Origin{Field: -1}).Weigh(Witness{IP: netip.MustParseAddr("192.0.2.7"), Name: "x"}); o != (Origin{Field: -1}) {
		t.Errorf("a witness alone is no origin: %+v", o)
	}
}

func TestWhatCameFromNobodyOutsideHasAClass(t *testing.T) {
	const (
		mapi   = "from A.core.provider.example ([fe80::1]) by A.core.provider.example ([fe80::1%14]) with mapi id 15.2" + stamp
		ours   = "X-MS-Exchange-CrossTenant-Id: 4711-AB"
		asUser = "X-MS-Exchange-CrossTenant-AuthAs: Internal"
		// As Postfix 3.7 and Exim 4.96 write of their own reports.
		bounce = "by mx.provider.example (Postfix)\r\n\tid D231B33614F" + stamp
		exim   = "from Debian-exim by mx.provider.example with local (Exim 4.96)\r\n\tid 1xVDub-0004JC-2O\r\n\tfor bob@example.com" + stamp
	)
	for _, c := range []struct {
		name    string
		null    bool
		values  []string
		want    Class
		missing bool
	}{
		{"from outside", false, []string{inside, edge}, Outside, false},
		{"a bounce from outside", true, []string{inside, edge}, Outside, false},
		{"made within", false, []string{private, inside}, WithinProvider, false},
		{"from a mailbox", false, []string{inside, mapi}, WithinProvider, false},
		{"from a mailbox, with a border below that its owner wrote", false, []string{inside, mapi, edge}, WithinProvider, false},
		{"a bounce of the provider", true, []string{private, pickupAt}, ByProvider, false},
		{"a bounce of its Exim", true, []string{exim}, ByProvider, false},
		{"a bounce of its Postfix, and through hosts behind", true, []string{loopback, private, pickupAt, bounce}, ByProvider, false},
		{"a message of its own", false, []string{bounce}, WithinProvider, false},
		{"of our tenant", false, []string{private, inside, ours, asUser}, WithinTenant, false},
		{"of our tenant, by the other field", false, []string{private, inside, "X-EOPTenantAttributedMessage: 4711-ab:0"}, WithinTenant, false},
		{"of another tenant", false, []string{private, inside, "X-MS-Exchange-CrossTenant-Id: 4712-ab", asUser}, WithinProvider, false},
		{"of two tenants", false, []string{private, inside, "X-MS-Exchange-CrossTenant-Id: 4712-ab", ours, asUser}, WithinProvider, false},
		{"of our tenant and of another, in one field", false, []string{private, inside, ours, "X-MS-Exchange-CrossTenant-Id: 4712-ab", asUser}, WithinProvider, false},
		{"of one tenant and of another", false, []string{private, inside, ours, "X-EOPTenantAttributedMessage: 4712-ab:0", asUser}, WithinProvider, false},
		{"of our tenant, not signed in", false, []string{private, inside, ours, "X-MS-Exchange-CrossTenant-AuthAs: Anonymous"}, WithinProvider, false},
		{"of our tenant, signed in and not", false, []string{private, inside, ours, asUser, "X-MS-Exchange-CrossTenant-AuthAs: Anonymous"}, WithinProvider, false},
		{"made within, but the provider tells of a client", false, []string{private, inside, ours, asUser, "X-Forefront-Antispam-Report: CIP:192.0.2.99;"}, Unknown, false},
		{"a bounce, but the provider tells of a client", true, []string{private, inside, "X-Forefront-Antispam-Report: CIP:192.0.2.99;"}, Unknown, false},
		{"no outside client, as Microsoft says it", false, []string{private, inside, ours, "X-Forefront-Antispam-Report: CIP:255.255.255.255;", asUser}, WithinTenant, false},
		{"by another host", false, []string{foreign, edge}, Unknown, true},
		{"a bounce by another host", true, []string{foreign}, Unknown, true},
		{"without trace", true, nil, Unknown, true},
		{"not readable", false, []string{"\x00", edge}, Unknown, true},
		{"lost within", false, []string{inside, foreign}, Unknown, false},
		{"the border shows nobody", false, []string{strings.Replace(edge, "[192.0.2.7]", "", 1)}, Unknown, false},
		{"too many hops", true, []string{inside, inside, inside, inside, inside, inside, inside, inside, inside}, Unknown, false},
	} {
		shared := provided // by all its customers
		shared.Shared = true
		for _, b := range []Boundary{provided, shared} {
			o := Find(transaction(t, fields(append(c.values, "From: ann@example.org")...), c.null), b)
			if o.Class != c.want || o.HopMissing != c.missing || o.IP.IsValid() != (c.want == Outside) || o.Why == "" {
				t.Errorf("%s: %+v", c.name, o)
			}
		}
	}
	nameless := provided
	nameless.Tenant = ""
	if o := Find(transaction(t, fields(private, "X-MS-Exchange-CrossTenant-Id:"), false), nameless); o.Class != WithinProvider {
		t.Errorf("without a name nothing is ours: %+v", o)
	}
	if o := Find(transaction(t, fields(foreign), false), Boundary{}); o.HopMissing {
		t.Errorf("a provider of whom nothing is known misses nothing: %+v", o)
	}
}

const pickupAt = "by out.provider.example (Postfix) id 3" + stamp

// FuzzFind gives a whole header section to the provider with every feature.
func FuzzFind(f *testing.F) {
	f.Add(fields(inside, "X-IronPort-RemoteIP: 192.0.2.7", edge), true)
	f.Add(fields(private, "X-MS-Exchange-CrossTenant-Id: 4711-AB", inside), false)
	f.Add(fields("(qmail 1 invoked from network)"+stamp, "Received-SPF: client-ip=192.0.2.7; client-ip=[2001:db8::1]:25"), false)
	f.Add("Received:\r\n from x\r\n\t(x  [192.0.2.1])\r\n  by in1.edge.provider.example\r\n \r\n", true)
	b := provided
	b.Inner = append([]string{"(qmail", "*.provider.example from 10.0.0.0/8 junk", "2002:* without from", "in* id *-1", "in* (x)"}, b.Inner...)
	f.Fuzz(func(t *testing.T, header string, null bool) {
		m, err := mail.ParseMessage(strings.NewReader(header), int64(len(header)))
		if err != nil {
			return
		}
		for _, h := range Hops(m) {
			want := Parse(m.Fields[h.Field].Value())
			if describe(h) != describe(want) || !h.Time.Equal(want.Time) {
				t.Errorf("read from a message: %s, from its value: %s", describe(h), describe(want))
			}
		}
		tx := &mail.Transaction{Message: m, ReceivedAt: nine}
		if !null {
			tx.Envelope.ReversePath = mail.Address{Local: "ann", Domain: "example.org"}
		}
		o := Find(tx, b)
		if o.IP.IsValid() != (o.Class == Outside) || o.IP.IsValid() && (!isPublic(o.IP) || o.Field < 0 || o.HopMissing) || o.Why == "" {
			t.Errorf("%+v", o)
		}
		if o.Witness.Name != "" && o.Witness.Field >= o.Field {
			t.Errorf("a witness below the border: %+v", o)
		}
		Sealed(header, 0)
	})
}
