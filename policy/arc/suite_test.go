package arc

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"mxgate/policy/corpustest"
	"mxgate/policy/dns"
	"mxgate/policy/mail"
	"mxgate/policy/sig"
)

// suite is a file of the ValiMail suite. cv is the status that is expected; ""
// where the newest seal itself says cv=fail, which makes the chain Fail: RFC 8617,
// Section 5.2, step 2.
type suite struct {
	Scenarios map[string]struct {
		Records map[string]string `json:"txt-records"`
	}
	Cases []struct {
		Scenario, Test, Description, Message, CV string
		AAR, AMS, AS                             string // of the signing suite: what is to be written
	}
}

// zone returns what a scenario publishes.
func (s suite) zone(t testing.TB, scenario string) *dns.Snapshot {
	t.Helper()
	zone := dns.MustSnapshot(t, "")
	for name, data := range s.Scenarios[scenario].Records {
		zone.Add(name, "TXT", strings.TrimSpace(data))
	}
	return zone
}

func readSuite(t testing.TB, name string) suite {
	t.Helper()
	raw, err := os.ReadFile(corpustest.Path(t, name))
	if err != nil {
		t.Fatal(err)
	}
	var s suite
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// The messages bear t= of 1970 and none expires.
func TestValiMailValidationSuite(t *testing.T) {
	s := readSuite(t, "arc/arc-validation.json")
	if len(s.Cases) != 81 {
		t.Errorf("the suite has %d cases", len(s.Cases))
	}
	passed := map[mail.Status]int{}
	total := map[mail.Status]int{}
	for _, c := range s.Cases {
		want := mail.Fail
		if c.CV != "" {
			want = mail.Status(strings.ToLower(c.CV))
		}
		total[want]++
		got := Verify(t.Context(), s.zone(t, c.Scenario), parse(t, crlf(c.Message)), time.Unix(1<<30, 0))
		if got.Status != want || got.Why == "" {
			t.Errorf("%s: %s (%s), want %s: %s", c.Test, got.Status, got.Why, want, c.Description)
			continue
		}
		passed[want]++
		t.Logf("%s: %s: %s", c.Test, got.Status, got.Why)
	}
	for _, status := range []mail.Status{mail.Pass, mail.Fail, mail.None} {
		t.Logf("%s: %d of %d", status, passed[status], total[status])
	}
	n := passed[mail.Pass] + passed[mail.Fail] + passed[mail.None]
	t.Logf("suite: ARC, ValiMail: validation | passed %d | of %d | argued 0", n, len(s.Cases))
}

func crlf(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\n", "\r\n")
}

func parse(t testing.TB, raw string) *mail.Message {
	t.Helper()
	m, err := mail.ParseMessage(strings.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// What the suite wants a sealer to write holds on top of the message that it was
// given. The suite shows the values as its makers' sealer folds them, which seals
// b= before it folds. Where it wants no set the chain had failed before.
func TestValiMailSigningSuite(t *testing.T) {
	s := readSuite(t, "arc/arc-signing.json")
	if len(s.Cases) != 8 {
		t.Errorf("the suite has %d cases", len(s.Cases))
	}
	signature := regexp.MustCompile(`\bb=[^;]*`)
	passed := 0
	for _, c := range s.Cases {
		var set strings.Builder
		want := mail.Fail
		if c.AS != "" {
			want = mail.Pass
			for i, value := range []string{c.AAR, c.AMS, c.AS} {
				value = signature.ReplaceAllStringFunc(strings.TrimSpace(value), sig.RemoveFWS)
				set.WriteString(fieldNames[i] + ": " + strings.ReplaceAll(value, "\n", "\n ") + "\n")
			}
		}
		got := Verify(t.Context(), s.zone(t, c.Scenario), parse(t, crlf(set.String()+c.Message)), time.Unix(1<<30, 0))
		if got.Status != want {
			t.Errorf("%s: %s (%s), want %s", c.Test, got.Status, got.Why, want)
			continue
		}
		passed++
	}
	t.Logf("suite: ARC, ValiMail: sealed messages | passed %d | of %d | argued 0", passed, len(s.Cases))
}
