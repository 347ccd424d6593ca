package dkim

import (
	"bytes"
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

// notPassed holds the cases with another result, and why ours is right.
var notPassed = map[string]string{
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

const (
	preStandard = "a draft's signature, without v= or with v=0.5: RFC 6376, Section 6.1.1 has a verifier ignore it"
	sha1        = "signed with rsa-sha1, some with a 512-bit key: RFC 8301, Section 3 forbids to let it pass"
)

func runSuite(t *testing.T, cases []corpusCase) {
	t.Helper()
	passed := 0
	for _, c := range cases {
		results := Verify(t.Context(), c.zone, message(t, c.raw), "", c.now)
		got := best(results)
		reason, listed := notPassed[c.id]
		switch ok := slices.Contains(c.want, got.Status); {
		case ok && listed:
			t.Errorf("%s passes, but is listed: %s", c.id, reason)
		case ok:
			passed++
		case listed:
			t.Logf("%s: %s (%s), want %v: %s", c.id, got.Status, got.Why, c.want, reason)
		default:
			t.Errorf("%s: %s (%s), want %v: %+v", c.id, got.Status, got.Why, c.want, results)
		}
	}
	t.Logf("passed %d/%d", passed, len(cases))
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
	var cases []corpusCase
	for _, line := range lines(t, dir, "expected.tsv")[1:] {
		columns := strings.Split(line, "\t")
		if len(columns) < 3 {
			continue
		}
		want := map[string][]mail.Status{"pass": wantPass, "fail": wantFail, "invalid": wantInvalid}[columns[2]]
		raw := read(t, dir, columns[0])
		cases = append(cases, corpusCase{columns[0], raw, zone, signingTime(raw), want})
	}
	if len(cases) != 37 {
		t.Errorf("the suite has %d cases", len(cases))
	}
	runSuite(t, cases)
}

func TestDkimpySuite(t *testing.T) {
	dir := corpustest.Path(t, "dkim/dkimpy")
	zone := dns.MustSnapshot(t, "")
	zone.Add("brisbane._domainkey.football.example.com", "TXT", "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
	zone.Add("test._domainkey.football.example.com", "TXT", string(read(t, dir, "test.txt")))
	// This key stands in dkimpy's test, not in a file of the corpus.
	zone.Add("sed._domainkey.test.ex", "TXT", "v=DKIM1; k=ed25519; p=sPs07Vu29FpHT/80UXUcYHFOHifD4o2ZlP2+XUh9g6E=")
	var cases []corpusCase
	for _, name := range []string{"rfc6376.signed.msg", "ed25519test2.msg"} {
		raw := read(t, dir, name)
		cases = append(cases, corpusCase{name, raw, zone, signingTime(raw), wantPass})
	}
	for _, name := range []string{"rfc6376.msg", "ed25519test.msg", "test.message", "test_nofrom.message"} {
		cases = append(cases, corpusCase{name, read(t, dir, name), zone, time.Unix(0, 0), []mail.Status{mail.None}})
	}
	runSuite(t, cases)
}

func TestStalwartSuite(t *testing.T) {
	dir := corpustest.Path(t, "dkim/stalwart")
	names, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []corpusCase
	for _, name := range names {
		records, raw, _ := bytes.Cut(read(t, dir, filepath.Base(name)), []byte("\r\n\r\n"))
		zone := dns.MustSnapshot(t, "")
		for line := range strings.Lines(string(records)) {
			key, data, _ := strings.Cut(strings.TrimSpace(line), " ")
			zone.Add(key, "TXT", data)
		}
		id := filepath.Base(name)
		results := Verify(t.Context(), zone, message(t, raw), "", signingTime(raw))
		for _, r := range results {
			if r.Status != mail.Pass && notPassed[id] == "" {
				t.Errorf("%s: %+v", id, r)
			}
		}
		cases = append(cases, corpusCase{id, raw, zone, signingTime(raw), wantPass})
	}
	runSuite(t, cases)
}

func TestMimeKitSuite(t *testing.T) {
	dir := corpustest.Path(t, "dkim/mimekit")
	raw := read(t, dir, "rfc8463-example.msg")
	zone := dns.MustSnapshot(t, "")
	zone.Add("brisbane._domainkey.football.example.com", "TXT", "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
	zone.Add("test._domainkey.football.example.com", "TXT", "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB")
	runSuite(t, []corpusCase{{"rfc8463-example.msg", raw, zone, signingTime(raw), wantPass}})
}

// The keys of this corpus are not in it: body hashes can be checked, and that
// nothing breaks.
func TestSpamAssassinMessagesAreRead(t *testing.T) {
	dir := corpustest.Path(t, "dkim/spamassassin")
	names, err := filepath.Glob(filepath.Join(dir, "*.msg"))
	if err != nil || len(names) == 0 {
		t.Fatal(err)
	}
	for _, name := range names {
		raw := read(t, dir, filepath.Base(name))
		for _, r := range Verify(t.Context(), dns.MustSnapshot(t, ""), message(t, raw), "", signingTime(raw)) {
			if r.Status == mail.Pass || r.Why == "" {
				t.Errorf("%s: %+v", name, r)
			}
		}
	}
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
