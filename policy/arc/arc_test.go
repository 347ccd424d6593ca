package arc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mxgate/policy/mail"
)

func verify(t testing.TB, raw string) Result {
	t.Helper()
	return Verify(t.Context(), newZone(t), parse(t, raw), now)
}

func TestASoundChainPasses(t *testing.T) {
	for _, n := range []int{1, 2, 3, maxSets} {
		raw := chain(t, n)
		got := verify(t, raw)
		if got.Status != mail.Pass || got.OldestPass != 0 || len(got.Sets) != n {
			t.Errorf("%d sets: %+v", n, got)
		}
		for i, s := range got.Sets {
			want := Set{Instance: i + 1, Sealer: "example.net", Selector: "sel", CV: "pass", Lowest: 3*(n-i) - 1, Results: "mx.example.net; spf=pass"}
			if i == 0 {
				want.CV = "none"
			}
			if s != want {
				t.Errorf("%d sets: %+v", n, s)
			}
		}
		// Line ends are what a next hop may change.
		if got := verify(t, strings.ReplaceAll(raw, "\r\n", "\n")); got.Status != mail.Pass {
			t.Errorf("%d sets, LF: %+v", n, got)
		}
	}
	both := sealer{domain: "rsa.example", algorithm: "rsa-sha256", sign: signRSA}.add(t, chain(t, 1))
	if got := verify(t, both); got.Status != mail.Pass || got.Sets[1].Sealer != "rsa.example" {
		t.Errorf("%+v", got)
	}
	for _, canon := range []string{"simple/simple", "simple/relaxed", "relaxed/simple", "relaxed/relaxed"} {
		if got := verify(t, sealer{canon: canon}.add(t, plain)); got.Status != mail.Pass {
			t.Errorf("%s: %+v", canon, got)
		}
	}
	if got := verify(t, sealer{names: "From:Subject:Subject:Cc"}.add(t, plain)); got.Status != mail.Pass {
		t.Errorf("oversigned: %+v", got)
	}
	if got := verify(t, "Subject: upper\r\n"+sealer{names: "From"}.add(t, plain)); got.Status != mail.Pass {
		t.Errorf("a field that the signature says nothing of: %+v", got)
	}
	if got := verify(t, sealer{}.add(t, "From: erika@example.com\r\n\r\n")); got.Status != mail.Pass {
		t.Errorf("no body: %+v", got)
	}
	if got := verify(t, plain); got.Status != mail.None || got.Sets != nil {
		t.Errorf("no chain: %+v", got)
	}
}

// Fields may stand in any order and be written in upper or lower case: only the
// instance counts.
func TestTheOrderOfFieldsDoesNotCount(t *testing.T) {
	fields := strings.SplitAfter(strings.ReplaceAll(strings.TrimSuffix(chain(t, 3), plain), "\r\n ", "\x00"), "\r\n")
	slices.Sort(fields)
	raw := strings.ReplaceAll(strings.Join(fields, ""), "\x00", "\r\n ") + plain
	raw = strings.ReplaceAll(raw, "ARC-Seal", "aRC-sEAL")
	if got := verify(t, raw); got.Status != mail.Pass || len(got.Sets) != 3 {
		t.Errorf("%+v", got)
	}
}

// edit returns raw with the first old, which must be there, replaced.
func edit(t testing.TB, raw, old, with string) string {
	t.Helper()
	if !strings.Contains(raw, old) {
		t.Fatalf("%q is not in the message", old)
	}
	return strings.Replace(raw, old, with, 1)
}

func TestWhatMakesAChainFail(t *testing.T) {
	three := chain(t, 3)
	one := chain(t, 1)
	field := func(raw, start string) string { // the first field that starts so
		at := strings.Index(raw, start)
		if at < 0 {
			t.Fatalf("no %q", start)
		}
		end := at + strings.Index(strings.ReplaceAll(raw[at:], "\r\n ", "\x00\x00\x00"), "\r\n") + 2
		return raw[at:end]
	}
	aar2 := field(three, "ARC-Authentication-Results: i=2;")
	ams1, ams2 := field(three, "ARC-Message-Signature: i=1;"), field(three, "ARC-Message-Signature: i=2;")
	as2 := field(three, "ARC-Seal: i=2;")
	tests := map[string]struct{ raw, why string }{
		"a body that was changed":               {three + "more\r\n", "set 3: the body was changed"},
		"a second Subject above the sealed one": {"subject: upper\r\n" + three, "message signature of set 3: the message has 2 fields Subject, the signature covers 1 of them"},
		"a field that was changed":              {edit(t, three, "a  text", "another text"), "message signature of set 3: it does not match"},
		"results of the oldest set changed":     {edit(t, three, "i=1; mx.example.net; spf=pass", "i=1; mx.example.net; spf=fail"), "seal of set"},
		"an older message signature changed":    {edit(t, three, ams1, edit(t, ams1, "From:To", "From:Cc")), "seal of set"},
		"an older seal changed":                 {edit(t, three, as2, edit(t, as2, "d=example.net", "d=list.example")), "seal of set"},
		"set 2 left out":                        {edit(t, edit(t, edit(t, three, aar2, ""), ams2, ""), as2, ""), "has the instance 3, beyond the number of ARC sets (2)"},
		"no results in set 2":                   {edit(t, three, aar2, ""), "not every ARC set is whole: ARC-Authentication-Results stands there 2 times"},
		"no message signature in set 2":         {edit(t, three, ams2, ""), "not every ARC set is whole: ARC-Message-Signature stands there 2 times"},
		"no seal in set 2":                      {edit(t, three, as2, ""), "not every ARC set is whole: ARC-Seal stands there 2 times"},
		"results of set 2 twice":                {aar2 + three, "two fields ARC-Authentication-Results have the instance 2"},
		"set 2 twice":                           {aar2 + ams2 + as2 + three, "two fields ARC-Authentication-Results have the instance 2"},
		"only results":                          {field(one, "ARC-Authentication-Results: i=1;") + plain, "not every ARC set is whole: ARC-Message-Signature stands there 0 times"},
		"only a message signature":              {ams1 + plain, "not every ARC set is whole: ARC-Authentication-Results stands there 0 times"},
		"one set too many":                      {sealer{}.add(t, chain(t, maxSets)), "more than 50"},
		"an instance of three digits":           {edit(t, one, "Results: i=1;", "Results: i=001;"), "has no instance"},
		"an instance that is not first":         {edit(t, one, "i=1; mx.example.net; spf=pass", "mx.example.net; spf=pass; i=1"), "has no instance"},
		"a seal that is no list of tags":        {edit(t, one, "ARC-Seal: i=1;", "ARC-Seal: i=1; i=1;"), "a field ARC-Seal: the signature is not a list of tags"},
		"a chain that was found broken":         {sealer{cv: "fail"}.add(t, chain(t, 2)), "the newest sealer, set 3, found the chain broken"},
		"a first seal that follows nothing":     {sealer{cv: "pass"}.add(t, plain), `cv= is "pass", not none`},
		"a second seal that begins a chain":     {sealer{cv: "none"}.add(t, one), `seal of set 2: cv= is "none", not pass`},
		"a chain that goes on after cv=fail":    {sealer{}.add(t, sealer{cv: "fail"}.add(t, one)), `seal of set 2: cv= is "fail", not pass`},
		"cv= in capitals":                       {sealer{cv: "None"}.add(t, plain), `cv= is "None"`},
		"h= in a seal":                          {sealer{seal: " h=from;"}.add(t, plain), "it has an h="},
		"a seal that expired":                   {sealer{seal: " x=1;"}.add(t, plain), "had expired"},
		"a seal from the future":                {sealer{seal: fmt.Sprintf(" t=%d;", now.Add(25*time.Hour).Unix())}.add(t, plain), "made after the message arrived"},
		"a seal with a bad time":                {sealer{seal: " t=icecream;"}.add(t, plain), "t= is not a time"},
		"a message signature that expired":      {sealer{message: fmt.Sprintf(" t=5; x=%d;", now.Unix()-1)}.add(t, plain), "message signature of set 1: the signature had expired"},
		"a message signature from the future":   {sealer{message: fmt.Sprintf(" t=%d;", now.Add(25*time.Hour).Unix())}.add(t, plain), "made after the message arrived"},
		"a part of the body":                    {sealer{message: " l=3;"}.add(t, plain), "only a part of the body"},
		"a key that is to be had elsewhere":     {sealer{message: " q=http/get;"}.add(t, plain), "the key is to be had by"},
		"From not covered":                      {sealer{names: "To:Subject"}.add(t, plain), "does not cover From"},
		"a seal covered":                        {sealer{names: "From:ARC-Seal"}.add(t, plain), `it covers "arc-seal"`},
		"a message signature covered":           {sealer{names: "From:arc-message-signature"}.add(t, plain), `it covers "arc-message-signature"`},
		"too many names":                        {sealer{names: "From" + strings.Repeat(":X", 100)}.add(t, plain), "more than 100"},
		"SHA-1":                                 {sealer{algorithm: "rsa-sha1"}.add(t, plain), "SHA-1"},
		"an algorithm that is not the key's":    {sealer{algorithm: "rsa-sha256"}.add(t, plain), "is of type"},
		"a key that is not there":               {sealer{domain: "nothing.example"}.add(t, plain), "no key at sel._domainkey.nothing.example"},
		"two keys":                              {sealer{domain: "two.example"}.add(t, plain), "2 records"},
		"d= that is no name":                    {sealer{domain: "a b.example"}.add(t, plain), "d= is not a domain name"},
		"a signature of somebody else":          {sealer{domain: "rsa.example", algorithm: "rsa-sha256", sign: func(d []byte) []byte { return make([]byte, 256) }}.add(t, plain), "does not match"},
		"a header section that is too large":    {strings.Repeat("X: y\r\n", maxHeaderFields) + one, "too large"},
		"a header section of too many octets":   {strings.Repeat("X: "+strings.Repeat("y", 60<<10)+"\r\n", 5) + one, "too large"},
		"an old seal whose key is not there":    {sealer{}.add(t, sealer{domain: "nothing.example"}.add(t, plain)), "seal of set 1: no key"},
		"a failure besides a temporary trouble": {edit(t, sealer{}.add(t, sealer{domain: "slow.example"}.add(t, plain)), "a  text", "b"), "does not match"},
	}
	for name, tc := range tests {
		got := verify(t, tc.raw)
		if got.Status != mail.Fail || !strings.Contains(got.Why, tc.why) {
			t.Errorf("%s: %s (%s), want fail with %q", name, got.Status, got.Why, tc.why)
		}
		if strings.ContainsFunc(got.Why, func(c rune) bool { return c < ' ' || c >= 0x7f }) {
			t.Errorf("%s: unprintable: %q", name, got.Why)
		}
	}
}

// An edge of time that an honest sealer meets.
func TestTimesAreThoseOfTheArrival(t *testing.T) {
	at := now.Unix()
	old := sealer{
		seal:    fmt.Sprintf(" t=%d;", at-5),
		message: fmt.Sprintf(" t=%d; x=%d;", at-5, at+60),
	}.add(t, plain)
	for when, want := range map[time.Duration]mail.Status{0: mail.Pass, time.Minute: mail.Pass, 2 * time.Minute: mail.Fail, -time.Hour: mail.Pass, -25 * time.Hour: mail.Fail} {
		got := Verify(t.Context(), newZone(t), parse(t, old), now.Add(when))
		if got.Status != want || !got.Sets[0].SealedAt.Equal(now.Add(-5*time.Second)) {
			t.Errorf("at %v: %+v", when, got)
		}
	}
}

func TestTroubleOfDNSIsTemporary(t *testing.T) {
	for name, raw := range map[string]string{
		"the only key":             sealer{domain: "slow.example"}.add(t, plain),
		"SERVFAIL":                 sealer{domain: "fails.example"}.add(t, plain),
		"the key of an older seal": sealer{}.add(t, sealer{domain: "slow.example"}.add(t, plain)),
		"the key of a middle seal": sealer{}.add(t, sealer{domain: "fails.example"}.add(t, chain(t, 1))),
	} {
		if got := verify(t, raw); got.Status != mail.TempError || !strings.Contains(got.Why, "could not be asked for") {
			t.Errorf("%s: %+v", name, got)
		}
	}
	// What fails for good decides, wherever the other trouble is.
	for name, raw := range map[string]string{
		"an older seal":         sealer{domain: "slow.example"}.add(t, sealer{domain: "nothing.example"}.add(t, plain)),
		"a seal of a known key": edit(t, sealer{}.add(t, sealer{domain: "slow.example"}.add(t, plain)), "i=2; mx.example.net", "i=2; mx.example.org"),
		"a newer seal":          sealer{domain: "rsa.example"}.add(t, sealer{domain: "slow.example"}.add(t, plain)),
		"between slow seals":    sealer{domain: "slow.example"}.add(t, sealer{domain: "nothing.example"}.add(t, sealer{domain: "fails.example"}.add(t, plain))),
	} {
		if got := verify(t, raw); got.Status != mail.Fail {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// broken is content whose body cannot be read.
type broken struct {
	io.ReaderAt
	from int64
}

func (b broken) ReadAt(p []byte, off int64) (int, error) {
	if off >= b.from {
		return 0, errors.New("disk")
	}
	return b.ReaderAt.ReadAt(p, off)
}

func TestABodyThatCannotBeReadIsTemporary(t *testing.T) {
	raw := chain(t, 1)
	header := int64(strings.Index(raw, "\r\n\r\n") + 4)
	body := strings.Repeat("x", 64<<10)
	m, err := mail.ParseMessage(broken{strings.NewReader(raw[:header] + body), header}, header+int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	if got := Verify(t.Context(), newZone(t), m, now); got.Status != mail.TempError || !strings.Contains(got.Why, "could not be read") {
		t.Errorf("%+v", got)
	}
	past, cancel := context.WithCancel(t.Context())
	cancel()
	if got := Verify(past, newZone(t), parse(t, raw), now); got.Status != mail.TempError {
		t.Errorf("with a context that has ended: %+v", got)
	}
}

func TestOneVerifyTakesTenSecondsAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		raw := sealer{domain: "silent.example"}.add(t, plain)
		start := time.Now()
		got := Verify(t.Context(), silent{newZone(t)}, parse(t, raw), now)
		if took := time.Since(start); got.Status != mail.TempError || took != maxTime {
			t.Errorf("%v: %+v", took, got)
		}
	})
}

func TestSetsOfAChainThatFailsAreTold(t *testing.T) {
	got := verify(t, sealer{cv: "icecream", seal: " t=abc;"}.add(t, chain(t, 1)))
	if len(got.Sets) != 2 || got.Sets[0].CV != "none" || got.Sets[1] != (Set{Instance: 2, Sealer: "example.net", Selector: "sel", Lowest: 2, Results: "mx.example.net; spf=pass"}) {
		t.Errorf("%+v", got)
	}
	got = verify(t, edit(t, chain(t, 2), "i=2;", "i=3;"))
	if got.Sets != nil || len(got.Loose) == 0 {
		t.Errorf("%+v", got)
	}
}
