package provider

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"mxgate/policy/mail"
)

const theSecret = "k7Qw-9zP2x_Vb4Rt6Ym8"

func mustSecret(t testing.TB, text string) Secret {
	t.Helper()
	s, err := NewSecret(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func message(t testing.TB, header string) *mail.Message {
	t.Helper()
	text := header + "\r\nx\r\n"
	m, err := mail.ParseMessage(strings.NewReader(text), int64(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// bound is a source with bindings, checked and completed.
func bound(t testing.TB, id string, bind ...Binding) Source {
	t.Helper()
	set, err := NewSet([]Source{{Name: "ours", Provider: id, Ranges: prefixes("192.0.2.0/24"), ReceivedBy: []string{"provider.example"}, Bind: bind}})
	if err != nil {
		t.Fatal(err)
	}
	return set.All()[0]
}

func TestJudgeDemandsEachProof(t *testing.T) {
	header := Binding{Kind: BindHeader, Field: "X-Example-Gate", Secrets: []Secret{mustSecret(t, strings.Repeat("old-", 6)), mustSecret(t, theSecret)}}
	certificate := Binding{Kind: BindCertificate, Names: []string{"mx.example.com", "*.ours.example.com"}}
	listener := Binding{Kind: BindListener, Listeners: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.25:25"), netip.AddrPortFrom(netip.Addr{}, 2525), netip.AddrPortFrom(netip.MustParseAddr("2001:db8::25"), 0)}}
	id := Binding{Kind: BindTenant, Names: []string{"00123456"}}
	cisco := Binding{Kind: BindTenant, Names: []string{"hc123-45"}}
	host := Binding{Kind: BindTenant, Names: []string{"ours.provider.example"}}
	at := netip.MustParseAddrPort
	field := func(text string) Facts { return Facts{Message: message(t, text)} }
	for _, c := range []struct {
		name string
		id   string
		bind []Binding
		f    Facts
		want TenancyState
	}{
		{"nothing is demanded", "microsoft365", nil, Facts{}, Unbound},
		{"the secret", "microsoft365", []Binding{header}, field("X-Example-Gate: " + theSecret + "\r\n"), Bound},
		{"the one before it", "microsoft365", []Binding{header}, field("x-example-gate:old-old-old-old-old-old-\r\n"), Bound},
		{"the secret, folded", "microsoft365", []Binding{header}, field("X-Example-Gate:\r\n " + theSecret + " \r\n"), Bound},
		{"the secret below a guess", "microsoft365", []Binding{header}, field("X-Example-Gate: x\r\nX-Example-Gate: " + theSecret + "\r\n"), Bound},
		{"the secret below too many guesses", "microsoft365", []Binding{header}, field(strings.Repeat("X-Example-Gate: x\r\n", 8) + "X-Example-Gate: " + theSecret + "\r\n"), Foreign},
		{"no field", "microsoft365", []Binding{header}, field("X-Example-Gates: " + theSecret + "\r\n"), Unproven},
		{"no message", "microsoft365", []Binding{header}, Facts{}, Unproven},
		{"an empty field", "microsoft365", []Binding{header}, field("X-Example-Gate:\r\n"), Foreign},
		{"half the secret", "microsoft365", []Binding{header}, field("X-Example-Gate: " + theSecret[:19] + "\r\n"), Foreign},
		{"the secret and more", "microsoft365", []Binding{header}, field("X-Example-Gate: " + theSecret + ", x\r\n"), Foreign},
		{"the secret in another case", "microsoft365", []Binding{header}, field("X-Example-Gate: " + strings.ToLower(theSecret) + "\r\n"), Foreign},
		{"the secret in the body", "microsoft365", []Binding{header}, field("From: a@b.example\r\n\r\nX-Example-Gate: " + theSecret + "\r\n"), Unproven},
		{"a very long value", "microsoft365", []Binding{header}, field("X-Example-Gate: " + strings.Repeat("x", 100_000) + "\r\n"), Foreign},

		{"the certificate", "microsoft365", []Binding{certificate}, Facts{Certificate: []string{"other.example", "MX.example.com."}}, Bound},
		{"the wildcard itself", "microsoft365", []Binding{certificate}, Facts{Certificate: []string{"*.ours.example.com"}}, Bound},
		{"a name that the wildcard covers", "microsoft365", []Binding{certificate}, Facts{Certificate: []string{"a.ours.example.com"}}, Foreign},
		{"a wildcard that covers the name", "microsoft365", []Binding{certificate}, Facts{Certificate: []string{"*.example.com"}}, Foreign},
		{"no certificate", "microsoft365", []Binding{certificate}, Facts{}, Unproven},

		{"the id in the host name", "proofpoint", []Binding{id}, Facts{Ingress: "MX0b-00123456.pphosted.com."}, Bound},
		{"another id", "proofpoint", []Binding{id}, Facts{Ingress: "mx0b-00654321.pphosted.com"}, Foreign},
		{"the id with more before it", "proofpoint", []Binding{id}, Facts{Ingress: "mx0b-100123456.pphosted.com"}, Foreign},
		{"the id with more behind it", "proofpoint", []Binding{id}, Facts{Ingress: "mx0b-00123456-1.pphosted.com"}, Foreign},
		{"the id at another's", "proofpoint", []Binding{id}, Facts{Ingress: "mx0b-00123456.pphosted.com.evil.example"}, Unproven},
		{"a host that names nobody", "proofpoint", []Binding{id}, Facts{Ingress: "dispatch.pphosted.com"}, Unproven},
		{"no ingress host", "proofpoint", []Binding{id}, Facts{}, Unproven},
		{"an id with a hyphen", "cisco-ces", []Binding{cisco}, Facts{Ingress: "esa2.hc123-45.iphmx.com"}, Bound},
		{"one that begins like it", "cisco-ces", []Binding{cisco}, Facts{Ingress: "esa2.hc123-456.iphmx.com"}, Foreign},
		{"a host below the name", "", []Binding{host}, Facts{Ingress: "mx7.Ours.provider.example"}, Bound},
		{"a host beside the name", "", []Binding{host}, Facts{Ingress: "mx7.notours.provider.example"}, Foreign},
		{"a host that ends like the name", "", []Binding{host}, Facts{Ingress: "xours.provider.example"}, Foreign},

		{"our address", "", []Binding{listener}, Facts{Listener: at("192.0.2.25:25")}, Bound},
		{"our address, mapped", "", []Binding{listener}, Facts{Listener: at("[::ffff:192.0.2.25]:25")}, Bound},
		{"another port of it", "", []Binding{listener}, Facts{Listener: at("192.0.2.25:26")}, Foreign},
		{"our port", "", []Binding{listener}, Facts{Listener: at("198.51.100.1:2525")}, Bound},
		{"an address with any port", "", []Binding{listener}, Facts{Listener: at("[2001:db8::25]:7")}, Bound},
		{"an address that is not known", "", []Binding{listener}, Facts{}, Unproven},

		{"two proofs", "", []Binding{header, listener}, Facts{Listener: at("192.0.2.25:25"), Message: message(t, "X-Example-Gate: "+theSecret+"\r\n")}, Bound},
		{"the first of two", "", []Binding{header, listener}, Facts{Message: message(t, "X-Example-Gate: "+theSecret+"\r\n")}, Unproven},
		{"the second of two", "", []Binding{header, listener}, Facts{Listener: at("192.0.2.25:25"), Message: message(t, "")}, Unproven},
		{"one is missing, the other foreign", "", []Binding{header, listener}, Facts{Listener: at("192.0.2.9:9"), Message: message(t, "")}, Foreign},
		{"one is foreign, the other missing", "", []Binding{listener, header}, Facts{Listener: at("192.0.2.9:9")}, Foreign},
	} {
		got := bound(t, c.id, c.bind...).Judge(c.f)
		if got.State != c.want {
			t.Errorf("%s: %+v, want %s", c.name, got, c.want)
		}
		if (got.Why == "") != (c.want == Bound || c.want == Unbound) || strings.Contains(got.Why, theSecret[:8]) {
			t.Errorf("%s: why %q", c.name, got.Why)
		}
	}
}

func TestASecretIsNeverShown(t *testing.T) {
	b := Binding{Kind: BindHeader, Field: "X-Example-Gate", Secrets: []Secret{mustSecret(t, theSecret)}}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(format, b); strings.Contains(text, theSecret) || !strings.Contains(text, "(secret)") {
			t.Errorf("%s shows %s", format, text)
		}
	}
	for _, text := range []string{"", "short", strings.Repeat("x", 19), strings.Repeat("x", 201), strings.Repeat("ab ", 10), strings.Repeat("\u00e4", 20), strings.Repeat("a", 20) + "\n"} {
		if _, err := NewSecret(text); !errors.Is(err, ErrBadSource) || text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestBindingsThatProveNothingAreRefused(t *testing.T) {
	secrets := []Secret{mustSecret(t, theSecret)}
	for _, c := range []struct {
		name, id string
		bind     []Binding
		want     string
	}{
		{"an unknown kind", "", []Binding{{Kind: "dkim"}}, `"certificate", "header", "tenant" or "listener"`},
		{"one kind twice", "", []Binding{{Kind: BindHeader, Field: "X-A", Secrets: secrets}, {Kind: BindHeader, Field: "X-B", Secrets: secrets}}, "twice"},
		{"no certificate name", "", []Binding{{Kind: BindCertificate}}, "certificate is empty"},
		{"a certificate name in capitals", "", []Binding{{Kind: BindCertificate, Names: []string{"MX.example.com"}}}, "in lower case"},
		{"a certificate for everybody", "", []Binding{{Kind: BindCertificate, Names: []string{"*.com"}}}, "in lower case"},
		{"no field", "", []Binding{{Kind: BindHeader, Secrets: secrets}}, "header field"},
		{"a field that mail has anyway", "", []Binding{{Kind: BindHeader, Field: "Subject", Secrets: secrets}}, "a name of your own"},
		{"a field that is none", "", []Binding{{Kind: BindHeader, Field: "X-A: b", Secrets: secrets}}, "a name of your own"},
		{"no secret", "", []Binding{{Kind: BindHeader, Field: "X-A"}}, "header secret is empty"},
		{"the zero secret", "", []Binding{{Kind: BindHeader, Field: "X-A", Secrets: []Secret{{}}}}, "header secret is empty"},
		{"no id", "proofpoint", []Binding{{Kind: BindTenant}}, "tenant is empty"},
		{"an id where hosts have none", "microsoft365", []Binding{{Kind: BindTenant, Names: []string{"00123456"}}}, "a header is the way"},
		{"an id with a star", "proofpoint", []Binding{{Kind: BindTenant, Names: []string{"*"}}}, "an id of lower-case letters"},
		{"the name of all customers", "cisco-ces", []Binding{{Kind: BindTenant, Names: []string{"iphmx.com"}}}, "hosts of all customers"},
		{"the name above it", "microsoft365", []Binding{{Kind: BindTenant, Names: []string{"outlook.com"}}}, "hosts of all customers"},
		{"the name that is believed", "", []Binding{{Kind: BindTenant, Names: []string{"provider.example"}}}, "hosts of all customers"},
		{"no listener", "", []Binding{{Kind: BindListener}}, "listener is empty"},
		{"any listener", "", []Binding{{Kind: BindListener, Listeners: []netip.AddrPort{{}}}}, "an address of ours"},
		{"every address", "", []Binding{{Kind: BindListener, Listeners: []netip.AddrPort{netip.MustParseAddrPort("0.0.0.0:25")}}}, "an address of ours"},
	} {
		_, err := NewSet([]Source{{Name: "ours", Provider: c.id, Ranges: prefixes("192.0.2.0/24"), ReceivedBy: []string{"provider.example"}, Bind: c.bind}})
		if !errors.Is(err, ErrBadSource) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	_, err := NewSet([]Source{{Name: "ours", Origin: OriginPeer, Ranges: prefixes("192.0.2.0/24"), Bind: []Binding{{Kind: BindTenant, Names: []string{"a.example"}}}}})
	if !errors.Is(err, ErrBadSource) || !strings.Contains(err.Error(), "no hop of the provider") {
		t.Errorf("a tenant without a trace: %v", err)
	}
}

func TestLooseSourcesLetOtherCustomersIn(t *testing.T) {
	secret := Binding{Kind: BindHeader, Field: "X-A", Secrets: []Secret{mustSecret(t, theSecret)}}
	named := func(name string) Binding { return Binding{Kind: BindCertificate, Names: []string{name}} }
	for _, c := range []struct {
		name, id string
		bind     []Binding
		want     string
	}{
		{"a shared cloud", "microsoft365", nil, "all its customers"},
		{"a shared cloud with a secret", "microsoft365", []Binding{secret}, ""},
		{"a shared cloud with the certificate of all", "microsoft365", []Binding{named("mail.protection.outlook.com")}, "shows for all its customers"},
		{"a shared cloud with a wildcard", "mimecast", []Binding{named("*.mimecast.com")}, "shows for all its customers"},
		{"a certificate of all above its hosts", "microsoft365", []Binding{named("outlook.com")}, "shows for all its customers"},
		{"a name above its hosts", "nospamproxy-cloud", []Binding{named("nospamproxy.com")}, "shows for all its customers"},
		{"one of another domain of it", "microsoft365", []Binding{named("mail.messaging.microsoft.com")}, "shows for all its customers"},
		{"a host of it", "mimecast", []Binding{named("us-smtp-delivery-1.mimecast.com")}, "shows for all its customers"},
		{"a host of it, by the name of its mail", "google", []Binding{named("mail-sor-f41.google.com")}, "shows for all its customers"},
		{"a host of it for customers", "google", []Binding{named("smtp.gmail.com")}, "shows for all its customers"},
		{"its ingress host", "hornetsecurity", []Binding{named("mx-gate01-haj2.hornetsecurity.com")}, "shows for all its customers"},
		{"one of ours and one of all", "mimecast", []Binding{{Kind: BindCertificate, Names: []string{"mx.example.com", "relay.mimecast.com"}}}, "shows for all its customers"},
		{"a name that only ends like it", "mimecast", []Binding{named("notmimecast.com")}, ""},
		{"and a secret", "microsoft365", []Binding{named("mail.protection.outlook.com"), secret}, ""},
		{"a shared cloud with a certificate of ours", "microsoft365", []Binding{named("mx.example.com")}, ""},
		{"a provider with ranges for each customer", "cisco-ces", nil, ""},
		{"an appliance", "barracuda-appliance", nil, ""},
		{"a partner", "", nil, ""},
	} {
		if got := bound(t, c.id, c.bind...).Loose(); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestSecretFieldsAreThoseOfAllSources(t *testing.T) {
	secrets := []Secret{mustSecret(t, theSecret)}
	source := func(name, cidr string, bind ...Binding) Source {
		return Source{Name: name, Ranges: prefixes(cidr), Origin: OriginPeer, Bind: bind}
	}
	set, err := NewSet([]Source{
		source("a", "192.0.2.0/24", Binding{Kind: BindHeader, Field: "X-A", Secrets: secrets}, Binding{Kind: BindListener, Listeners: []netip.AddrPort{netip.AddrPortFrom(netip.Addr{}, 26)}}),
		source("b", "198.51.100.0/24"),
		source("c", "203.0.113.0/24", Binding{Kind: BindHeader, Field: "x-a", Secrets: secrets}),
		source("d", "2001:db8::/32", Binding{Kind: BindHeader, Field: "X-D", Secrets: secrets}),
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(set.SecretFields()); got != "[X-A X-D]" {
		t.Errorf("got %s", got)
	}
}

func TestASourceBeginsWithItsFirstDay(t *testing.T) {
	s := Source{Name: "ours", Ranges: prefixes("192.0.2.0/24"), ValidFrom: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)}
	zone := time.FixedZone("west", -5*3600)
	for at, want := range map[time.Time]bool{
		time.Date(2026, 11, 30, 23, 59, 59, 999, time.UTC): true,
		time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC):       false,
		time.Date(2026, 11, 30, 19, 0, 0, 0, zone):         false,
		time.Date(2026, 11, 30, 18, 59, 0, 0, zone):        true,
		time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC):        false,
	} {
		if got := s.NotYet(at); got != want {
			t.Errorf("NotYet(%v) = %v", at, got)
		}
	}
	if (Source{}).NotYet(time.Time{}) {
		t.Error("a source without a first day has not begun")
	}
	s.ValidUntil = s.ValidFrom // one day
	if _, err := NewSet([]Source{s}); err != nil {
		t.Error(err)
	}
	s.ValidUntil = s.ValidFrom.AddDate(0, 0, -1)
	if _, err := NewSet([]Source{s}); !errors.Is(err, ErrBadSource) || !strings.Contains(err.Error(), "valid_until is 2026-11-30: expected a day not before valid_from, 2026-12-01") {
		t.Errorf("an end before the begin: %v", err)
	}
}

func FuzzJudge(f *testing.F) {
	f.Add("X-Example-Gate: "+theSecret+"\r\n", "mx0a-00123456.pphosted.com", "mx.example.com")
	f.Add("X-Example-Gate: a\r\n b\r\n", "..pphosted.com", "*")
	f.Fuzz(func(t *testing.T, header, ingress, name string) {
		text := header + "\r\n"
		m, err := mail.ParseMessage(strings.NewReader(text), int64(len(text)))
		if err != nil {
			return
		}
		facts := Facts{Message: m, Ingress: ingress, Certificate: []string{name}}
		for _, b := range []Binding{
			{Kind: BindHeader, Field: "X-Example-Gate", Secrets: []Secret{mustSecret(t, theSecret)}},
			{Kind: BindTenant, Names: []string{"00123456"}},
			{Kind: BindCertificate, Names: []string{"mx.example.com"}},
		} {
			if bound(t, "proofpoint", b).Judge(facts).State != Bound {
				continue
			}
			shows := map[BindingKind]bool{
				BindHeader: strings.Contains(header, theSecret), BindTenant: strings.Contains(ingress, "-00123456."),
				BindCertificate: strings.EqualFold(strings.TrimSuffix(name, "."), "mx.example.com"),
			}
			if !shows[b.Kind] {
				t.Errorf("%s is bound by %q, %q, %q", b.Kind, header, ingress, name)
			}
		}
	})
}

func BenchmarkJudge(b *testing.B) {
	m := message(b, "Received: x\r\nFrom: a@b.example\r\nX-Example-Gate: "+theSecret+"\r\n")
	for name, s := range map[string]Source{
		"unbound": bound(b, "microsoft365"),
		"header":  bound(b, "microsoft365", Binding{Kind: BindHeader, Field: "X-Example-Gate", Secrets: []Secret{mustSecret(b, theSecret)}}),
		"tenant":  bound(b, "proofpoint", Binding{Kind: BindTenant, Names: []string{"00123456"}}),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.Judge(Facts{Message: m, Ingress: "mx0a-00123456.pphosted.com"})
			}
		})
	}
}
