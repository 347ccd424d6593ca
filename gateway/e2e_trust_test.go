package gateway

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"mxgate/gateway/resolve/dnstest"
	"mxgate/gateway/store"
	"mxgate/policy"
)

var sealingKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// sealed puts the first ARC set of domain above text, after RFC 8617, Section
// 5.1, for header fields of one line and bodies without white space at line ends.
// It shares no code with the verifier.
func sealed(t *testing.T, domain, results, text string) string {
	t.Helper()
	sign := func(data string) string {
		digest := sha256.Sum256([]byte(data))
		b, err := rsa.SignPKCS1v15(rand.Reader, sealingKey(), crypto.SHA256, digest[:])
		if err != nil {
			t.Fatal(err)
		}
		return base64.StdEncoding.EncodeToString(b)
	}
	relaxed := func(field string) string {
		name, value, _ := strings.Cut(field, ":")
		return strings.ToLower(name) + ":" + strings.Join(strings.Fields(value), " ")
	}
	header, body, _ := strings.Cut(text, "\r\n\r\n")
	from := ""
	for line := range strings.SplitSeq(header, "\r\n") {
		if strings.HasPrefix(line, "From:") {
			from = line
		}
	}
	hash, now := sha256.Sum256([]byte(body)), time.Now().Unix()
	aar := "ARC-Authentication-Results: i=1; " + results
	ams := fmt.Sprintf("ARC-Message-Signature: i=1; a=rsa-sha256; c=relaxed/relaxed; d=%s; s=arc; t=%d; h=from; bh=%s; b=", domain, now, base64.StdEncoding.EncodeToString(hash[:]))
	ams += sign(relaxed(from) + "\r\n" + relaxed(ams))
	as := fmt.Sprintf("ARC-Seal: i=1; a=rsa-sha256; t=%d; cv=none; d=%s; s=arc; b=", now, domain)
	as += sign(relaxed(aar) + "\r\n" + relaxed(ams) + "\r\n" + relaxed(as))
	return strings.Join([]string{as, ams, aar, text}, "\r\n")
}

// sealer publishes the key with which domain seals.
func sealer(t *testing.T, domain string) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(&sealingKey().PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return "\narc._domainkey." + domain + " TXT \"v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(der) + "\"\n"
}

// Mail of a list that broke its author's signature is relayed if the operator
// believes the list, and held if not.
func TestDuty_B4_WhoIsBelievedIsRelayed(t *testing.T) {
	const list, ofList = "list.example", "mx.list.example; dkim=pass header.d=partner.example; dmarc=pass header.from=partner.example"
	original, authorKey := signed(t, "partner.example", "From: Anna <"+partner+">\r\nTo: "+bob+"\r\nSubject: Offer\r\nMessage-ID: <1@partner.example>\r\n\r\nHello.\r\n")
	changed := original + "-- the list\r\n"
	resigned, listKey := signed(t, list, changed)
	withSeal := sealed(t, list, ofList, changed)
	forwarder := func(proof string) string {
		return "[[forwarder]]\nname = \"the list\"\nowner = \"erika\"\nwhy = \"a test\"\n" + proof
	}
	for _, c := range []struct {
		name, tail, text string
		by               policy.LiftedBy // "": held
	}{
		{"a sealer who is believed", "[policy]\nsealers = [\"list.example\"]\n", withSeal, policy.BySealer},
		{"a sealer who is not", "", withSeal, ""},
		{"somebody else is believed", "[policy]\nsealers = [\"other.example\"]\n", withSeal, ""},
		{"changed behind the seal", "[policy]\nsealers = [\"list.example\"]\n", withSeal + "Pay!\r\n", ""},
		{"a sealer to whom nothing was proven", "[policy]\nsealers = [\"list.example\"]\n", sealed(t, list, strings.Replace(ofList, "dmarc=pass", "dmarc=fail", 1), changed), ""},
		{"a forwarder by DKIM", forwarder("dkim = [\"list.example\"]\n"), resigned, policy.ByForwarder},
		{"a forwarder by its seal", forwarder("sealers = [\"list.example\"]\n"), withSeal, policy.ByForwarder},
		{"a forwarder of other authors", forwarder("dkim = [\"list.example\"]\nauthors = [\"other.example\"]\n"), resigned, ""},
		{"no forwarder", "", resigned, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, _ := newSetting(t, setting{script: script{tail: c.tail}, zone: authorKey + listKey + sealer(t, list)})
			content := fromProvider("198.51.100.7") + c.text
			reply := g.deliver("bounce@bulk.example", []string{bob}, content)
			g.wantReply(reply, "250 2.0.0")
			e := g.entry(reply)
			var evidence policy.Evidence
			if err := json.Unmarshal(e.Evidence, &evidence); err != nil || evidence.Aligned() {
				t.Fatalf("%v: %+v", err, evidence.DMARC)
			}
			if v := policy.Decide(g.rules(), &evidence); v.Disposition.String() != e.Disposition || v.Sentence != e.Sentence {
				t.Errorf("stored %s, %q; again %s, %q", e.Disposition, e.Sentence, v.Disposition, v.Sentence)
			}
			if by := map[policy.LiftedBy]string{"": "", policy.BySealer: "dmarc-fail by list.example", policy.ByForwarder: "dmarc-fail by the list"}[c.by]; e.Lifted != by {
				t.Errorf("the journal says lifted %q, want %q", e.Lifted, by)
			}
			if c.by == "" {
				if e.Outcome != store.Quarantined || e.Reason != string(policy.DMARCFail) || g.sink.Count() != 0 {
					t.Errorf("the journal says %s, %s: %s", e.Outcome, e.Reason, e.Sentence)
				}
				return
			}
			if e.Outcome != store.Relayed || e.Reason != string(policy.Clean) || !strings.Contains(e.Sentence, "list") {
				t.Fatalf("the journal says %s, %s: %s", e.Outcome, e.Reason, e.Sentence)
			}
			block := strings.ReplaceAll(g.block(g.only(), content), "\r\n\t", " ")
			wants := []string{"dkim=fail", "dmarc=fail", "policy.lifted=", "X-Mxgate-Verdict: relay; reason=clean; lifted=dmarc-fail;", "X-Mxgate-Why: The mail claims partner.example"}
			if strings.Contains(content, "ARC-Seal") {
				wants = append(wants, "arc=pass smtp.remote-ip=198.51.100.7 header.oldest-pass=0")
			}
			for _, want := range wants {
				if !strings.Contains(block, want) {
					t.Errorf("%q is not in\n%s", want, block)
				}
			}
			want := fmt.Sprintf("\nmxgate_lifted_total{by=%q,reason=\"dmarc-fail\"} 1\n", c.by)
			eventually(t, "the lift is counted", func() bool { _, page := g.get("/metrics"); return strings.Contains(page, want) })
		})
	}
}

// What the provider states under the name that the operator gave is recorded
// beside ours and counted; without that name it is anybody's word.
func TestDuty_B5_WhereTheProviderDiffersIsCounted(t *testing.T) {
	for ids, counted := range map[string]bool{`authserv_ids = ["mx.provider.example"]`: true, `authserv_ids = []`: false, "": false} {
		g, _ := newSetting(t, setting{edit: replacing(t, `ranges = ["127.0.0.1"]`, "ranges = [\"127.0.0.1\"]\n"+ids)})
		content := "Authentication-Results: mx.provider.example; spf=pass smtp.mailfrom=partner.example\r\n" + compose("198.51.100.7", "From: "+partner)
		reply := g.deliver(partner, []string{bob}, content)
		g.wantReply(reply, "250 2.0.0")
		e := g.entry(reply)
		if has := strings.Contains(string(e.Evidence), `"cause":"origin"`); has != counted {
			t.Errorf("%q: %s", ids, e.Evidence)
		}
		_, page := g.get("/metrics")
		if has := strings.Contains(page, "\nmxgate_provider_results_total{agreement=\"differs\",cause=\"origin\",method=\"spf\"} 1\n"); has != counted {
			t.Errorf("%q: counted %t, want %t", ids, has, counted)
		}
	}
}

// A domain that the operator treats as p=reject is not let through because it
// publishes less.
func TestADomainIsTreatedAsReject(t *testing.T) {
	for tail, want := range map[string]policy.Reason{"": policy.DMARCNoneWeak, "[policy]\nas_reject = [\"news.example\"]\n": policy.DMARCFail} {
		g := newStage(t, script{tail: tail})
		reply := g.deliver(crook, []string{bob}, compose("198.51.100.7", "From: n@sub.news.example"))
		if e := g.entry(reply); e.Reason != string(want) {
			t.Errorf("%q: %s, want %s", tail, e.Reason, want)
		}
	}
}

// One message may ask as much as RFC 7208 lets its author have asked, also where
// each answer is eight aliases away and our resolver follows none: the author's
// policy is read all the same.
func TestDuty_B2_TheBudgetFitsAllChecks(t *testing.T) {
	var zone strings.Builder
	zone.WriteString("_dmarc.large.example TXT \"v=DMARC1; p=reject\"\n")
	record := "v=spf1"
	for i := range 10 {
		record += fmt.Sprintf(" mx:m%d.large.example", i)
		for j := range 10 {
			host := fmt.Sprintf("h%d-%d.large.example", i, j)
			fmt.Fprintf(&zone, "m%d.large.example MX 10 %s\n", i, host)
			for n := range 8 {
				fmt.Fprintf(&zone, "%s CNAME a%d.%s\n", host, n, host)
				host = fmt.Sprintf("a%d.%s", n, host)
			}
			fmt.Fprintf(&zone, "%s A 203.0.113.%d\n", host, 10*i+j)
		}
	}
	fmt.Fprintf(&zone, "large.example TXT \"%s -all\"\n", record)
	g, _ := newSetting(t, setting{zone: zone.String()})
	g.dns.Behave(dnstest.Behaviour{Partial: true})
	reply := g.deliver("a@large.example", []string{bob}, compose("203.0.113.99", "From: a@large.example"))
	g.wantReply(reply, "250 2.0.0")
	if e := g.entry(reply); e.Outcome != store.Relayed || e.Reason != string(policy.Clean) {
		t.Errorf("the journal says %s, %s: %s", e.Outcome, e.Reason, e.Sentence)
	}
	if _, page := g.get("/metrics"); !strings.Contains(page, "\nmxgate_dns_over_budget_total 0\n") {
		t.Error("the budget was spent")
	}
}
