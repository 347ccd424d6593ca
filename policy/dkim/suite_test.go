package dkim

import (
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"mxgate/policy/corpustest"
	"mxgate/policy/dns"
	"mxgate/policy/mail"
	"mxgate/policy/sig"
)

// corpusCase is one signed message of a corpus with what its makers expect.
type corpusCase struct {
	id   string
	raw  []byte
	zone *dns.Snapshot
	now  time.Time
	want []mail.Status // of the best signature
}

var (
	wantPass    = []mail.Status{mail.Pass}
	wantFail    = []mail.Status{mail.Fail, mail.Policy, mail.PermError}
	wantInvalid = []mail.Status{mail.Policy, mail.PermError, mail.TempError}
)

// argument says why a case has another result, and what our reason must say.
type argument struct{ text, why string }

var (
	preStandard = argument{"a draft's signature, without v= or with v=0.5: RFC 6376, Section 6.1.1 has a verifier ignore it", "no v=|of version \"0.5\""}
	sha1        = argument{"signed with rsa-sha1, some with a 512-bit key: RFC 8301, Section 3 forbids to let it pass", "SHA-1"}
)

// notPassed holds the cases with another result.
var notPassed = map[string]argument{
	"good_ietf00_2.txt":  preStandard,
	"good_ietf00_4.txt":  preStandard,
	"good_ietf00_5.txt":  preStandard,
	"mine_ietf01_1.txt":  preStandard,
	"mine_ietf01_3.txt":  preStandard,
	"mine_ietf01_4.txt":  preStandard,
	"multiple_1.txt":     preStandard,
	"no_body_1.txt":      preStandard,
	"no_body_2.txt":      preStandard,
	"good_qp_1.txt":      sha1,
	"good_rfc4871_3.txt": sha1,
	"good_rfc4871_4.txt": sha1,
	"goodkey_2.txt":      sha1,
	"goodkey_4.txt":      sha1,
	"multiple_2.txt":     sha1,
}

// suite counts the cases of one corpus.
type suite struct{ passed, argued, of int }

// run verifies cases; every signature of a message that shall pass must pass if
// all is set, else one.
func (s *suite) run(t *testing.T, cases []corpusCase, all bool) {
	t.Helper()
	for _, c := range cases {
		results := Verify(t.Context(), c.zone, message(t, c.raw), "", c.now)
		got, ok := best(results), true
		if all {
			for _, r := range results {
				ok = ok && slices.Contains(c.want, r.Status)
			}
		}
		s.count(t, c.id, ok && slices.Contains(c.want, got.Status), fmt.Sprintf("want %v, %+v", c.want, results))
	}
}

// count notes one case.
func (s *suite) count(t *testing.T, id string, ok bool, got string) {
	t.Helper()
	s.of++
	reason, listed := notPassed[id]
	switch {
	case ok && listed:
		t.Errorf("%s passes, but is listed: %s", id, reason.text)
	case ok:
		s.passed++
	case listed && regexp.MustCompile(reason.why).MatchString(got):
		s.argued++
		t.Logf("%s: %s: %s", id, reason.text, got)
	default:
		t.Errorf("%s: %s", id, got)
	}
}

// print prints the line that is collected for docs/conformance.md.
func (s *suite) print(t *testing.T, name string) {
	t.Helper()
	t.Logf("suite: %s | passed %d | of %d | argued %d", name, s.passed, s.of, s.argued)
}

// best returns a passing result if there is one, else the first.
func best(results []Result) Result {
	for _, r := range results {
		if r.Status == mail.Pass {
			return r
		}
	}
	if len(results) == 0 {
		return Result{Status: mail.None, Why: "no signature"}
	}
	return results[0]
}

func TestMailDKIMSuite(t *testing.T) {
	cases := mailDKIM(t)
	if len(cases) != 37 {
		t.Errorf("the suite has %d cases", len(cases))
	}
	var s suite
	s.run(t, cases, false)
	s.print(t, "DKIM, mail-dkim")
}

func mailDKIM(t *testing.T) (cases []corpusCase) {
	t.Helper()
	dir := corpustest.Path(t, "dkim/mail-dkim")
	zone := dns.MustSnapshot(t, "")
	for _, line := range lines(t, dir, "FAKE_DNS.dat") {
		name, data, ok := strings.Cut(line, " ")
		data = strings.TrimSpace(data)
		switch {
		case !ok || name == "#" || data == "NXDOMAIN":
		case strings.HasPrefix(data, "~~"):
			zone.Add(name, "TXT", map[bool]string{true: "TIMEOUT", false: "SERVFAIL"}[strings.Contains(data, "timed out")])
		default:
			zone.Add(name, "TXT", strings.Trim(data, `"`))
		}
	}
	for _, line := range lines(t, dir, "expected.tsv")[1:] {
		columns := strings.Split(line, "\t")
		if len(columns) < 3 {
			continue
		}
		want := map[string][]mail.Status{"pass": wantPass, "fail": wantFail, "invalid": wantInvalid}[columns[2]]
		raw := read(t, dir, columns[0])
		cases = append(cases, corpusCase{columns[0], raw, zone, signingTime(raw), want})
	}
	return cases
}

// Six messages, and two records that must hold a key.
func TestDkimpySuite(t *testing.T) {
	dir := corpustest.Path(t, "dkim/dkimpy")
	var s suite
	s.run(t, dkimpy(t), true)
	for name, keyType := range map[string]string{"test.txt": "rsa", "ed25519test.dns": "ed25519"} {
		a := sig.ParseKey(string(read(t, dir, name)), keyType)
		s.count(t, name, a.Status == "", fmt.Sprintf("%+v", a))
	}
	s.print(t, "DKIM, dkimpy")
}

func dkimpy(t *testing.T) (cases []corpusCase) {
	t.Helper()
	dir := corpustest.Path(t, "dkim/dkimpy")
	zone := rfc8463Zone(t)
	zone.Add("test._domainkey.football.example.com", "TXT", string(read(t, dir, "test.txt")))
	// This key stands in dkimpy's test, not in a file of the corpus.
	zone.Add("sed._domainkey.test.ex", "TXT", "v=DKIM1; k=ed25519; p=sPs07Vu29FpHT/80UXUcYHFOHifD4o2ZlP2+XUh9g6E=")
	for _, name := range []string{"rfc6376.signed.msg", "ed25519test2.msg"} {
		raw := read(t, dir, name)
		cases = append(cases, corpusCase{name, raw, zone, signingTime(raw), wantPass})
	}
	for _, name := range []string{"rfc6376.msg", "ed25519test.msg", "test.message", "test_nofrom.message"} {
		cases = append(cases, corpusCase{name, read(t, dir, name), zone, time.Unix(0, 0), []mail.Status{mail.None}})
	}
	return cases
}

// rfc8463Zone has the Ed25519 key of RFC 8463, Appendix A.2.
func rfc8463Zone(t *testing.T) *dns.Snapshot {
	zone := dns.MustSnapshot(t, "")
	zone.Add("brisbane._domainkey.football.example.com", "TXT", "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
	return zone
}

func TestStalwartSuite(t *testing.T) {
	cases := stalwart(t)
	if len(cases) != 3 {
		t.Errorf("the suite has %d cases", len(cases))
	}
	var s suite
	s.run(t, cases, true)
	s.print(t, "DKIM, stalwart")
}

func stalwart(t *testing.T) (cases []corpusCase) {
	t.Helper()
	dir := corpustest.Path(t, "dkim/stalwart")
	names, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		records, raw, _ := bytes.Cut(read(t, dir, filepath.Base(name)), []byte("\r\n\r\n"))
		zone := dns.MustSnapshot(t, "")
		for line := range strings.Lines(string(records)) {
			key, data, _ := strings.Cut(strings.TrimSpace(line), " ")
			zone.Add(key, "TXT", data)
		}
		cases = append(cases, corpusCase{filepath.Base(name), raw, zone, signingTime(raw), wantPass})
	}
	return cases
}

// One message, and one key in three forms.
func TestMimeKitSuite(t *testing.T) {
	dir := corpustest.Path(t, "dkim/mimekit")
	var s suite
	s.run(t, mimeKit(t), true)
	block, _ := pem.Decode(read(t, dir, "example.pub"))
	want := sig.ParseKey("p="+base64.StdEncoding.EncodeToString(block.Bytes), "rsa")
	s.count(t, "example.pub", want.Status == "", fmt.Sprintf("%+v", want))
	var bind9 strings.Builder
	for _, quoted := range regexp.MustCompile(`"([^"]*)"`).FindAllStringSubmatch(string(read(t, dir, "example.bind9")), -1) {
		bind9.WriteString(quoted[1])
	}
	tinydns := strings.Split(string(read(t, dir, "example.tinydns")), ":")[1]
	for name, record := range map[string]string{"example.bind9": bind9.String(), "example.tinydns": tinydns} {
		a := sig.ParseKey(record, "rsa")
		s.count(t, name, a.Status == "" && a.Key.Record == want.Key.Record && a.Key.Strict == strings.Contains(record, "t=s"), fmt.Sprintf("%+v", a))
	}
	s.print(t, "DKIM, MimeKit")
}

func mimeKit(t *testing.T) []corpusCase {
	t.Helper()
	raw := read(t, corpustest.Path(t, "dkim/mimekit"), "rfc8463-example.msg")
	zone := rfc8463Zone(t)
	zone.Add("test._domainkey.football.example.com", "TXT", "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB")
	return []corpusCase{{"rfc8463-example.msg", raw, zone, signingTime(raw), wantPass}}
}

// The keys of this corpus are not in it. What can be seen without: test-pass has
// one signature that is read, over the body as it stands; test-fail never passes,
// and where it is signed its body was not changed either.
func TestSpamAssassinSuite(t *testing.T) {
	cases := spamAssassin(t)
	if len(cases) != 14 {
		t.Errorf("the suite has %d cases", len(cases))
	}
	var s suite
	for _, c := range cases {
		m := message(t, c.raw)
		ok := best(Verify(t.Context(), c.zone, m, "", c.now)).Status != mail.Pass
		signatures := choose(m, "", c.now)
		if strings.HasPrefix(c.id, "test-pass") {
			ok = ok && len(signatures) == 1
		}
		for _, signature := range signatures {
			hash, err := sig.NewBody(m).Hash(t.Context(), signature.BodyCanon)
			ok = ok && err == nil && signature.Refused == "" && bytes.Equal(hash, signature.BodyHash)
		}
		s.count(t, c.id, ok, fmt.Sprintf("%d signatures", len(signatures)))
	}
	s.print(t, "DKIM, SpamAssassin (body hashes and parsing)")
}

func spamAssassin(t *testing.T) (cases []corpusCase) {
	t.Helper()
	dir := corpustest.Path(t, "dkim/spamassassin")
	names, err := filepath.Glob(filepath.Join(dir, "*.msg"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		raw := read(t, dir, filepath.Base(name))
		cases = append(cases, corpusCase{filepath.Base(name), raw, dns.MustSnapshot(t, ""), signingTime(raw), nil})
	}
	return cases
}

var madeAt = regexp.MustCompile(`(?m)[;\s]t\s*=\s*([0-9]+)`)

// signingTime returns the newest t= of raw and a minute, or the epoch.
func signingTime(raw []byte) time.Time {
	var newest int64
	for _, m := range madeAt.FindAllSubmatch(raw, -1) {
		var at int64
		if _, err := fmt.Sscan(string(m[1]), &at); err == nil {
			newest = max(newest, at)
		}
	}
	return time.Unix(newest, 0).Add(time.Minute)
}

// read returns a file of a corpus with CRLF line ends.
func read(t *testing.T, dir, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return crlf(raw)
}

func crlf(raw []byte) []byte {
	return bytes.ReplaceAll(bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
}

func lines(t *testing.T, dir, name string) []string {
	t.Helper()
	return strings.Split(strings.TrimSpace(string(read(t, dir, name))), "\r\n")
}

// message parses raw.
func message(t testing.TB, raw []byte) *mail.Message {
	t.Helper()
	m, err := mail.ParseMessage(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	return m
}
