package policy

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"net/netip"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"mxgate/policy/dns"
	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
	"mxgate/policy/provider"
)

var signingKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

const zoneText = `
partner.example                TXT "v=spf1 ip4:192.0.2.10 -all"
sel._domainkey.partner.example TXT "v=DKIM1; k=rsa; p=KEY"
_dmarc.partner.example         TXT "v=DMARC1; p=reject"
he1se.de                       TXT "v=spf1 ip4:203.0.113.66 -all"
_dmarc.he1se.de                TXT "v=DMARC1; p=reject"
broken.example                 TXT SERVFAIL
_dmarc.broken.example          TXT SERVFAIL
`

// collected is Collect, for tests that change what was found.
func (c *Collector) collected(ctx context.Context, tx *mail.Transaction, src provider.Source, given Given) (Evidence, error) {
	e, err := c.Collect(ctx, tx, src, given)
	if err != nil {
		return Evidence{}, err
	}
	return *e, nil
}

func zone(t testing.TB) *dns.Snapshot {
	der, err := x509.MarshalPKIXPublicKey(&signingKey().PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return dns.MustSnapshot(t, strings.ReplaceAll(zoneText, "KEY", base64.StdEncoding.EncodeToString(der)))
}

func collector(t testing.TB) *Collector {
	return &Collector{
		Resolver: zone(t), Own: []mail.Domain{"example.com"},
		Lookalike: lookalike.NewIndex([]lookalike.Target{{Domain: "example.com", Tier: lookalike.Own}, {Domain: "heise.de", Tier: lookalike.Protected}}),
		Protected: []mail.Domain{"example.com", "heise.de"},
		People:    []Person{NewPerson("Erika Mustermann", mail.Address{Local: "erika", Domain: "example.com"})},
	}
}

var viaProvider = provider.Source{Name: "provider", ReceivedBy: []string{"provider.example"}, Ranges: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}, Origin: provider.OriginTrace}

// at is when all test messages arrive.
var at = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// transaction carries text as if origin had handed it to the provider.
func transaction(t testing.TB, origin, reversePath, text string) *mail.Transaction {
	t.Helper()
	if origin != "" {
		text = fmt.Sprintf("Received: from mail.origin.example (mail.origin.example [%s]) by mx1.provider.example (Postfix) with ESMTPS id 1; Sun, 22 Nov 2026 08:59:58 +0000\r\n", origin) + text
	}
	m, err := mail.ParseMessage(strings.NewReader(text), int64(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	tx := &mail.Transaction{ID: "tx", Message: m, ReceivedAt: at, Client: mail.Client{Addr: netip.MustParseAddr("198.51.100.5"), Helo: "mx1.provider.example", Source: "provider"}}
	if reversePath != "" {
		if tx.Envelope.ReversePath, err = mail.ParseMailbox(reversePath); err != nil {
			t.Fatal(err)
		}
	}
	tx.Envelope.ForwardPaths = []mail.Address{{Local: "bob", Domain: "example.com"}}
	return tx
}

func signed(t testing.TB, text string) string {
	t.Helper()
	var out bytes.Buffer
	err := dkim.Sign(&out, strings.NewReader(text), &dkim.SignOptions{Domain: "partner.example", Selector: "sel", Signer: signingKey(),
		HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed, HeaderKeys: []string{"From", "To", "Subject"}})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func message(from string, more ...string) string {
	return "From: " + from + "\r\nTo: bob@example.com\r\nSubject: x\r\n" + strings.Join(more, "") + "\r\nHello.\r\n"
}

// manyAddresses is a list of n addresses of as many domains, folded.
func manyAddresses(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "a@d%d.example,\r\n ", i)
	}
	return b.String()
}

func TestCollectAndDecide(t *testing.T) {
	for _, c := range []struct {
		name                      string
		origin, reversePath, text string
		want                      Disposition
		reason                    Reason
		sentence                  string // part of it
	}{
		{"a partner is proven by SPF on the origin", "192.0.2.10", "a@partner.example", message("a@partner.example"), Relay, Clean, "192.0.2.10, which partner.example lists in SPF"},
		{"a forwarded partner is proven by DKIM", "203.0.113.5", "x@list.example", signed(t, message("a@partner.example")), Relay, Clean, "DKIM signature by partner.example holds"},
		{"a forged partner fails", "203.0.113.5", "a@partner.example", message("a@partner.example"), Quarantine, DMARCFail, "203.0.113.5, which partner.example does not list"},
		{"a partner whose body was changed fails and says so", "203.0.113.5", "x@list.example", signed(t, message("a@partner.example")) + "footer\r\n", Quarantine, DMARCFail, "body"},
		{"a message without a known origin proves nothing by SPF", "", "a@partner.example", message("a@partner.example"), Quarantine, DMARCFail, "the origin is not known"},
		{"our own domain from outside is a spoof", "203.0.113.5", "x@bulk.example", message("bob@example.com"), Quarantine, OwnDomainSpoof, "same address"},
		{"a subdomain of ours from outside is a spoof", "203.0.113.5", "x@bulk.example", message("bob@mail.example.com"), Quarantine, OwnDomainSpoof, "our own domain"},
		{"an authenticated look-alike is held", "203.0.113.66", "a@he1se.de", message("Anna <a@he1se.de>"), Quarantine, LookalikeDomain, "he1se.de looks like heise.de: 1 for i"},
		{"a look-alike in Reply-To is held", "192.0.2.10", "a@partner.example", message("a@partner.example", "Reply-To: a@he1se.de\r\n"), Quarantine, LookalikeDomain, "Reply-To"},
		{"a look-alike in Cc tags", "192.0.2.10", "a@partner.example", message("a@partner.example", "Cc: a@he1se.de\r\n"), Tag, LookalikeDomain, "Cc"},
		{"a borrowed name tags", "192.0.2.10", "a@partner.example", message(`"MUSTERMANN, Erika" <a@partner.example>`), Tag, Impersonated, "Erika Mustermann"},
		{"an address of ours in the display name tags", "192.0.2.10", "a@partner.example", message(`"ceo@example.com" <a@partner.example>`), Tag, Impersonated, "shown an address of example.com"},
		{"an address of ours in a comment leaves it open who the author is", "192.0.2.10", "a@partner.example", message(`a@partner.example (ceo@example.com)`), Quarantine, FromAmbiguous, "example.com"},
		{"an address of a partner in an encoded display name tags", "192.0.2.10", "a@partner.example", message(`=?utf-8?q?anna=40heise=2Ede?= <a@partner.example>`), Tag, Impersonated, "heise.de"},
		{"a look-alike behind fifty names in Reply-To is not out of sight", "192.0.2.10", "a@partner.example", message("a@partner.example", "Reply-To: "+manyAddresses(50)+"a@he1se.de\r\n"), Quarantine, Unscannable, "Reply-To"},
		{"two From fields are held", "192.0.2.10", "a@partner.example", message("a@partner.example", "From: b@other.example\r\n"), Quarantine, FromAmbiguous, "partner.example"},
		{"no From is held", "192.0.2.10", "a@partner.example", "Subject: x\r\n\r\nx\r\n", Quarantine, FromAmbiguous, "From"},
		{"DNS trouble of a domain defers its mail", "203.0.113.5", "a@broken.example", message("a@broken.example"), Defer, AuthUnavailable, "broken.example"},
		{"too deep a structure is held", "192.0.2.10", "a@partner.example", "From: a@partner.example\r\n" + strings.Repeat("Content-Type: message/rfc822\r\n\r\n", 300), Quarantine, Unscannable, "deeper"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, err := collector(t).collected(context.Background(), transaction(t, c.origin, c.reversePath, c.text), viaProvider, Given{})
			if err != nil {
				t.Fatal(err)
			}
			v := Decide(&Rules{}, &e)
			if v.Disposition != c.want || v.Reason != c.reason || !strings.Contains(v.Sentence, c.sentence) {
				t.Errorf("got %v %s: %s\nwant %v %s with %q\n%+v", v.Disposition, v.Reason, v.Sentence, c.want, c.reason, c.sentence, e)
			}
		})
	}
}

func TestDuty_B1_TheTraceIsNotBelievedPastTheProvider(t *testing.T) {
	forged := "Received: from mail.partner.example (mail.partner.example [192.0.2.10]) by mx9.provider.example (Postfix) with ESMTPS id 0; Sun, 22 Nov 2026 08:59:00 +0000\r\n"
	e, err := collector(t).collected(context.Background(), transaction(t, "203.0.113.5", "a@partner.example", forged+message("a@partner.example")), viaProvider, Given{})
	if err != nil || e.Origin.IP != "203.0.113.5" || e.SPF.Result != mail.Fail {
		t.Errorf("origin %+v, SPF %+v, %v", e.Origin, e.SPF, err)
	}
}

func TestASourceThatIsItsOwnOriginNeedsNoTrace(t *testing.T) {
	src := viaProvider
	src.Origin = provider.OriginPeer
	tx := transaction(t, "", "a@partner.example", message("a@partner.example"))
	tx.Client.Addr = netip.MustParseAddr("192.0.2.10")
	e, err := collector(t).collected(context.Background(), tx, src, Given{})
	if err != nil || e.Origin.IP != "192.0.2.10" || !e.DMARC.SPFAligned {
		t.Errorf("origin %+v, DMARC %+v, %v", e.Origin, e.DMARC, err)
	}
}

// slowForeign answers at once, except for names of the sender's own choice: those
// take all the time there is.
type slowForeign struct{ dns.Resolver }

func (s slowForeign) TXT(ctx context.Context, name string) (dns.Answer[string], error) {
	if strings.HasSuffix(name, "slow.example") {
		<-ctx.Done()
		return dns.Answer[string]{}, &dns.Error{Type: "TXT", Name: name, Class: dns.ErrTemporary, Cause: ctx.Err()}
	}
	if err := ctx.Err(); err != nil {
		return dns.Answer[string]{}, &dns.Error{Type: "TXT", Name: name, Class: dns.ErrTemporary, Cause: err}
	}
	return s.Resolver.TXT(ctx, name)
}

// Names that a sender chooses must not use up the time for the author's policy.
func TestSlowNamesOfTheSenderDoNotHideTheAuthorsPolicy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := collector(t)
		c.Resolver = slowForeign{c.Resolver}
		var fields string
		for i := range 5 {
			fields += fmt.Sprintf("DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=slow.example; s=s%d; h=from; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA\r\n", i)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second) // SPF alone may take 20
		defer cancel()
		e, err := c.collected(ctx, transaction(t, "203.0.113.5", "a@slow.example", fields+message("a@partner.example")), viaProvider, Given{})
		if err != nil {
			t.Fatal(err)
		}
		if v := Decide(&Rules{}, &e); v.Reason != DMARCFail {
			t.Errorf("got %v %s: %s; DMARC %+v, SPF %+v", v.Disposition, v.Reason, v.Sentence, e.DMARC, e.SPF)
		}
	})
}

// Nor is the mail held up for a fact on which nothing is decided.
func TestASlowHeloNameIsNotWaitedForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := collector(t)
		c.Resolver = slowForeign{c.Resolver}
		tx := transaction(t, "", "a@partner.example", message("a@partner.example"))
		tx.Client.Origin, tx.Client.OriginHelo = netip.MustParseAddr("192.0.2.10"), "mail.slow.example"
		start := time.Now()
		e, err := c.collected(t.Context(), tx, viaProvider, Given{})
		if err != nil || time.Since(start) > maxHeloTime || e.SPF.Helo.Result != mail.TempError || Decide(&Rules{}, &e).Reason != Clean {
			t.Errorf("%v: %+v after %s", err, e.SPF, time.Since(start))
		}
	})
}

func TestAPanicInACheckIsAnError(t *testing.T) {
	c := collector(t)
	c.Resolver = nil
	if _, err := c.collected(context.Background(), transaction(t, "192.0.2.10", "a@partner.example", message("a@partner.example")), viaProvider, Given{}); err == nil {
		t.Error("a panic was swallowed")
	}
}

func FuzzCollect(f *testing.F) {
	f.Add(message("a@partner.example", "Cc: =?utf-8?q?=00?= <a@he1se.de>\r\n"))
	f.Add("From : a@b\r\nFrom: x\r\n\r\n")
	f.Add(protecting("a@partner.example", "From: a@he1se.de\r\nSubject: y\r\n"))
	f.Add("Authentication-Results: spf=pass smtp.mailfrom=a@partner.example; dkim=pass header.d=partner.example\r\n" +
		"Received: from a (b [192.0.2.10]) by mx1.provider.example with ESMTPS id 1; Sun, 22 Nov 2026 08:59:58 +0000\r\n" + signed(f, message("a@partner.example", "Sender: x@example.com\r\n")))
	f.Add(seal(f, "partner.example", "none", passed, message("a@partner.example")))
	f.Add(letter{from: "Anna Berg <a@he1se.de>", cites: stolen, cc: "b@hei5e.de", replyTo: "anna.b@gmail.com", body: paying + pasted}.text())
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 64<<10 {
			return
		}
		m, err := mail.ParseMessage(strings.NewReader(text), int64(len(text)))
		if err != nil {
			return
		}
		tx := FileTransaction(m, at)
		c := collector(t)
		c.AuthservIDs = map[string][]string{"workspace": {"mx.provider.example", ""}}
		c.Memory = correspondence()
		e, err := c.collected(context.Background(), tx, viaGoogle, Given{})
		if err != nil {
			t.Fatal(err)
		}
		for _, rules := range []Rules{{}, {Sealers: []mail.Domain{"partner.example"}, Forwarders: []Forwarder{{DKIM: []mail.Domain{"partner.example"}, Reasons: ForwarderReasons()}}}} {
			v := decideAgain(t, rules, e)
			if e.Author.Ambiguous != "" && v.Reason == Clean {
				t.Errorf("clean, but by whom? %+v", e.Author)
			}
			if err := Explain(io.Discard, &e, v); err != nil {
				t.Error(err)
			}
			if o, ok := Observe(&e, v); ok && v.Disposition.severity() > Tag.severity() {
				t.Errorf("learned from what is held: %+v", o)
			}
		}
		if e.Author.Ambiguous != "" && e.DMARC.Result == mail.Pass {
			t.Errorf("DMARC pass for an author who is not exactly one: %+v", e.Author)
		}
	})
}

// held answers as a resolver does that has all in its memory: whether there is
// time or not.
type held struct{ dns.Resolver }

func (h held) TXT(_ context.Context, name string) (dns.Answer[string], error) {
	return h.Resolver.TXT(context.Background(), name)
}

// asking fails, when the time is up, for names that are not in memory.
type asking struct {
	held
	missing string
}

func (a asking) PTR(ctx context.Context, addr netip.Addr) (dns.Answer[string], error) {
	if ctx.Err() != nil && a.missing == "PTR" {
		return dns.Answer[string]{}, &dns.Error{Type: "PTR", Class: dns.ErrTemporary, Cause: ctx.Err()}
	}
	return a.Resolver.PTR(context.Background(), addr)
}

func (a asking) A(_ context.Context, name string) (dns.Answer[netip.Addr], error) {
	return a.Resolver.A(context.Background(), name)
}

// A check may get over an answer that is missing in memory without telling, as
// SPF does with names of the client; its result must not stand then.
func TestWhatIsMissingInMemoryIsAskedFor(t *testing.T) {
	z := zone(t)
	z.Add("named.example", "TXT", "v=spf1 ptr -all")
	z.Add("10.2.0.192.in-addr.arpa", "PTR", "mail.named.example")
	z.Add("mail.named.example", "A", "192.0.2.10")
	for _, missing := range []string{"", "PTR"} {
		c := collector(t)
		c.Resolver = asking{held{z}, missing}
		e, err := c.collected(t.Context(), transaction(t, "192.0.2.10", "a@named.example", message("a@named.example")), viaProvider, Given{})
		if err != nil || e.SPF.Result != mail.Pass {
			t.Errorf("missing %q: %+v, %v", missing, e.SPF, err)
		}
	}
}

// Evidence does not depend on whether DNS had to be waited for.
func TestMemoryAndWaitingAgree(t *testing.T) {
	for _, from := range []string{"a@partner.example", "a@he1se.de", "a@broken.example", "a@unknown.example", "a@partner.example, b@he1se.de"} {
		for _, origin := range []string{"192.0.2.10", "203.0.113.66", ""} {
			for _, path := range []string{"a@partner.example", "a@broken.example", ""} {
				text := signed(t, message(from))
				waited := collector(t)
				quick := collector(t)
				quick.Resolver = held{quick.Resolver}
				want, err := waited.collected(t.Context(), transaction(t, origin, path, text), viaProvider, Given{})
				if err != nil {
					t.Fatal(err)
				}
				got, err := quick.collected(t.Context(), transaction(t, origin, path, text), viaProvider, Given{})
				if err != nil || !reflect.DeepEqual(got, want) {
					t.Errorf("from %s by %s for %s:\n%+v\nin memory, %v:\n%+v", from, origin, path, want, err, got)
				}
			}
		}
	}
}

func BenchmarkCollect(b *testing.B) {
	const head = "From: a@partner.example\r\nTo: bob@example.com\r\nSubject: x\r\n"
	prose := func(octets int) string {
		return head + "\r\n" + strings.Repeat("The quick brown fox jumps over the lazy dog, and then some more text.\r\n", octets/71)
	}
	attached := head + "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"==1==\"\r\n\r\n--==1==\r\nContent-Type: text/plain\r\n\r\nHello.\r\n" +
		"--==1==\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n" + strings.Repeat(strings.Repeat("JVBERi0x", 9)+"JVBE\r\n", 5<<20/78) + "--==1==--\r\n"
	for _, c := range []struct{ name, text string }{
		{"1KB", prose(1 << 10)}, {"4KB", prose(4 << 10)}, {"16KB", prose(16 << 10)}, {"100KB", prose(100 << 10)}, {"5MB", attached},
	} {
		b.Run(c.name, func(b *testing.B) {
			tx := transaction(b, "192.0.2.10", "a@partner.example", signed(b, c.text))
			col := collector(b)
			col.Resolver = held{col.Resolver}
			b.SetBytes(tx.Message.Size)
			b.ReportAllocs()
			for b.Loop() {
				e, err := col.collected(context.Background(), tx, viaProvider, Given{})
				if err != nil || !e.DMARC.DKIMAligned {
					b.Fatalf("%+v %v", e, err)
				}
			}
		})
	}
}

// RFC 7208 allows a record of ten mx terms with ten hosts each: 111 questions.
func TestTheLargestRecordOfRFC7208IsEvaluatedWhole(t *testing.T) {
	c := collector(t)
	z := zone(t)
	c.Resolver = z
	record := "v=spf1"
	for i := range 10 {
		domain := fmt.Sprintf("mx%d.large.example", i)
		record += " mx:" + domain
		for j := range 10 {
			host := fmt.Sprintf("h%d.%s", j, domain)
			z.Add(domain, "MX", fmt.Sprintf("10 %s", host))
			z.Add(host, "A", fmt.Sprintf("203.0.113.%d", 10*i+j))
		}
	}
	z.Add("large.example", "TXT", record+" -all")
	e, err := c.collected(t.Context(), transaction(t, "203.0.113.99", "a@large.example", message("a@large.example")), viaProvider, Given{})
	if err != nil || e.SPF.Result != mail.Pass {
		t.Errorf("%v: %+v", err, e.SPF)
	}
}
