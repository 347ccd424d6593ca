package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mxgate/policy/corpustest"
	"mxgate/policy/dns"
	"mxgate/policy/mail"
	"mxgate/policy/provider"
)

// rspamdCase is a case of the functional tests of rspamd: a message, who sent
// it, and the symbols that it must be given and must not.
type rspamdCase struct {
	Suite string
	Name  string
	Args  struct {
		IP   string
		From string
	}
	Expect    [][]string // each a symbol, with what has to stand beside it
	NotExpect []string   `json:"not_expect"`
	Message   string
}

// symbols say what rspamd means in terms of Evidence.
var symbols = map[string]func(*Evidence) bool{
	"DMARC_POLICY_ALLOW":      func(e *Evidence) bool { return e.DMARC.Result == mail.Pass },
	"DMARC_POLICY_SOFTFAIL":   dmarcFails("none"),
	"DMARC_POLICY_QUARANTINE": dmarcFails("quarantine"),
	"DMARC_POLICY_REJECT":     dmarcFails("reject"),
	"DMARC_DNSFAIL":           func(e *Evidence) bool { return e.DMARC.Result == mail.TempError },
	"DMARC_NA":                func(e *Evidence) bool { return e.DMARC.Result == mail.None },
	"R_SPF_ALLOW":             spfIs(mail.Pass),
	"R_SPF_FAIL":              spfIs(mail.Fail),
	"R_SPF_NA":                spfIs(mail.None),
	"R_SPF_DNSFAIL":           spfIs(mail.TempError),
	"R_SPF_PERMFAIL":          spfIs(mail.PermError),
	"R_SPF_PLUSALL":           func(e *Evidence) bool { return e.SPF.Result == mail.Pass && e.SPF.Term == "+all" },
	"R_DKIM_ALLOW":            dkimHas(mail.Pass),
	"R_DKIM_REJECT":           dkimHas(mail.Fail),
	"R_DKIM_TEMPFAIL":         dkimHas(mail.TempError),
	"R_DKIM_PERMFAIL":         dkimHas(mail.PermError),
}

func dmarcFails(policy string) func(*Evidence) bool {
	return func(e *Evidence) bool { return e.DMARC.Result == mail.Fail && e.DMARC.Policy == policy }
}

func spfIs(s mail.Status) func(*Evidence) bool {
	return func(e *Evidence) bool { return e.SPF.Result == s }
}

func dkimHas(s mail.Status) func(*Evidence) bool {
	return func(e *Evidence) bool {
		return slices.ContainsFunc(e.DKIM, func(d DKIM) bool { return d.Result == s })
	}
}

// rspamdArgued explains the cases that do not pass.
var rspamdArgued = map[string]string{
	"DMARC SUBDOMAIN PASS SPF RELAXED ALIGNMENT": "my.mom.za.org publishes a record and nothing above it does: it is its own organizational domain, " +
		"and mom.za.org is not below it. The case has the public suffix list of RFC 7489. RFC 9989, Section 4.10.2, step 3",
	"DMARC PCT ZERO SP QUARANTINE":    "pct=0 is taken for p=none. RFC 9989, Appendix A.6: the tag is removed; an unknown tag must be ignored (Section 4.7)",
	"SPF FAIL UNRESOLVEABLE INCLUDE":  "include of a name without SPF record is permerror: RFC 7208, Section 5.2",
	"SPF ALLOW DNS REQUESTS AT LIMIT": "the record has 30 terms that need a look-up and rspamd allows 30 questions; RFC 7208, Section 4.6.4 allows 10 terms: permerror",
	"DKIM Signatures At Limit Are Still Checked": "the key of taugh.com is not in the zone of the set, so that nothing can pass. That the fifth signature is evaluated is seen " +
		"by its Why: see TestRspamdFifthSignatureIsEvaluated",
}

// The whole way: SPF, DKIM and DMARC of whole messages by the Collector.
func TestRspamdDMARCSuite(t *testing.T) {
	dir := corpustest.Path(t, "dmarc/rspamd")
	zone := rspamdZone(t, filepath.Join(dir, "zone.json"))
	var cases []rspamdCase
	readJSON(t, filepath.Join(dir, "cases.json"), &cases)
	passed, excused := 0, 0
	for _, tc := range cases {
		e := tc.collect(t, zone, dir)
		wrong := tc.wrong(t, &e)
		switch {
		case len(wrong) == 0 && rspamdArgued[tc.Name] != "":
			t.Errorf("%s passes and is listed as argued", tc.Name)
		case len(wrong) == 0:
			passed++
		case rspamdArgued[tc.Name] != "":
			excused++
		default:
			t.Errorf("%s: %s\nSPF %+v\nDKIM %+v\nDMARC %+v", tc.Name, strings.Join(wrong, ", "), e.SPF, e.DKIM, e.DMARC)
		}
	}
	t.Logf("suite: DMARC, rspamd | passed %d | of %d | argued %d", passed, len(cases), excused)
}

// What the argued case on five signatures is about holds: the last of them, after
// four that are junk, gets as far as its key.
func TestRspamdFifthSignatureIsEvaluated(t *testing.T) {
	dir := corpustest.Path(t, "dmarc/rspamd")
	e := (&rspamdCase{Message: "dkim_sigs_at_limit.eml"}).collect(t, dns.MustSnapshot(t, "18457.62be233b.k2206._domainkey.taugh.com TXT SERVFAIL"), dir)
	if !dkimHas(mail.TempError)(&e) {
		t.Errorf("%+v", e.DKIM)
	}
}

// collect examines the message of a case as if its address had delivered it.
func (tc *rspamdCase) collect(t *testing.T, zone dns.Resolver, dir string) Evidence {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "messages", strings.ReplaceAll(tc.Message, "/", "-")))
	if err != nil {
		t.Fatal(err)
	}
	raw = bytes.ReplaceAll(bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
	m, err := mail.ParseMessage(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	tx := &mail.Transaction{ID: "tx", Message: m, ReceivedAt: at}
	if strings.Contains(tc.Args.From, "@") { // one case has a setting of the runner here
		if tx.Envelope.ReversePath, err = mail.ParseMailbox(tc.Args.From); err != nil {
			t.Fatal(err)
		}
	}
	given := Given{Peerless: true}
	if tc.Args.IP != "" {
		given.Origin = netip.MustParseAddr(tc.Args.IP)
	}
	e, err := (&Collector{Resolver: zone}).collected(t.Context(), tx, provider.Source{Name: "test"}, given)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// wrong returns the expectations that are not met.
func (tc *rspamdCase) wrong(t *testing.T, e *Evidence) (wrong []string) {
	t.Helper()
	has := func(symbol string) bool {
		if symbols[symbol] == nil {
			t.Fatalf("%s: the symbol %s is not known", tc.Name, symbol)
		}
		return symbols[symbol](e)
	}
	for _, want := range tc.Expect {
		if !has(want[0]) {
			wrong = append(wrong, want[0]+" is missing")
		}
		if len(want) > 1 && string(e.Author.Domain) != want[1] { // beside DMARC symbols: the author domain
			wrong = append(wrong, fmt.Sprintf("author domain %s, want %s", e.Author.Domain, want[1]))
		}
	}
	for _, not := range tc.NotExpect {
		if has(not) {
			wrong = append(wrong, not+" is there")
		}
	}
	return wrong
}

// rspamdZone reads the records that rspamd's tests replace DNS with. A name that
// is not there does not exist; "norec" is one that has no such record.
func rspamdZone(t *testing.T, path string) *dns.Snapshot {
	t.Helper()
	var records []struct {
		Name, Type, Rcode string
		Replies           []string
	}
	readJSON(t, path, &records)
	zone := dns.MustSnapshot(t, "")
	for _, r := range records {
		switch r.Rcode {
		case "noerror":
			for _, data := range r.Replies {
				if had, _ := zone.Raw(r.Name, r.Type); !slices.Contains(had, data) { // some stand twice
					zone.Add(r.Name, r.Type, data)
				}
			}
		case "norec":
			zone.Add(r.Name, "HINFO", "x") // the name exists
		case "timeout":
			zone.Add(r.Name, r.Type, "TIMEOUT")
		case "nxdomain":
		default:
			t.Fatalf("%s: rcode %q", r.Name, r.Rcode)
		}
	}
	return zone
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatal(err)
	}
}
