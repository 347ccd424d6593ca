package authres

import (
	"strings"
	"testing"

	"mxgate/policy/mail"
)

func message(t testing.TB, header string) *mail.Message {
	t.Helper()
	m, err := mail.ParseMessage(strings.NewReader(header), int64(len(header)))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// chain is a message of a provider mx.example.net: its fields 0 to 4, its
// border's Received at 5, and what the client sent from 6 on.
const chain = "Received: from in.example.net by store.example.net; Sun, 22 Nov 2026 09:00:02 +0000\r\n" +
	"Authentication-Results: mx.example.net; dmarc=fail\r\n" +
	"Authentication-Results: MX.Example.NET. 1;\r\n\tspf=fail\r\n" +
	"Authentication-Results: other.example; dmarc=pass\r\n" +
	"Authentication-Results: dmarc=none action=none\r\n" +
	"Received: from client.example ([192.0.2.7]) by in.example.net; Sun, 22 Nov 2026 09:00:01 +0000\r\n" +
	"Authentication-Results: mx.example.net; dmarc=pass header.from=bank.example\r\n" +
	"Authentication-Results: dmarc=pass header.from=bank.example\r\n" +
	"Received: from a by b; Sun, 22 Nov 2026 09:00:00 +0000\r\n" +
	"Authentication-Results: mx.example.net; dmarc=pass\r\n" +
	"From: a@bank.example\r\n\r\n"

func TestTrusted(t *testing.T) {
	m := message(t, chain)
	for name, tc := range map[string]struct {
		below int
		ids   []string
		want  []int
	}{
		"the provider's above its border":        {5, []string{"mx.example.net"}, []int{1, 2}},
		"case and a last dot do not matter":      {5, []string{"mx.EXAMPLE.net."}, []int{1, 2}},
		"without authserv-id if so configured":   {5, []string{""}, []int{4}},
		"any of several":                         {5, []string{"x.example", "", "mx.example.net"}, []int{1, 2, 4}},
		"no border":                              {-1, []string{"mx.example.net", ""}, nil},
		"the border is the newest field":         {0, []string{"mx.example.net"}, nil},
		"no ids":                                 {5, nil, nil},
		"a part of the name is not the name":     {5, []string{"example.net", "x.example.net", "net", "*"}, nil},
		"a border below everything is the end":   {99, []string{"mx.example.net"}, []int{1, 2, 6, 9}},
		"the border of another hop shows others": {2, []string{"mx.example.net"}, []int{1}},
	} {
		var got []int
		for _, f := range Trusted(m, tc.below, tc.ids) {
			got = append(got, f.Index)
		}
		if len(got) != len(tc.want) {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
			continue
		}
		for i := range got {
			if got[i] != tc.want[i] {
				t.Errorf("%s: %v, want %v", name, got, tc.want)
			}
		}
	}
}

func TestTrustedLeavesOutWhatIsNotTheProviders(t *testing.T) {
	for name, field := range map[string]string{
		"another version":              "Authentication-Results: mx.example.net 2; dmarc=pass",
		"not readable":                 "Authentication-Results: mx.example.net; dmarc=pass (",
		"a NUL":                        "Authentication-Results: mx.example.net\x00; dmarc=pass",
		"a near miss":                  "Authentication-Results: mx.example.net.evil.example; dmarc=pass",
		"behind junk":                  "Authentication-Results: = mx.example.net; dmarc=pass",
		"a second authserv-id":         "Authentication-Results: evil.example; spf=none; mx.example.net; dmarc=pass",
		"in an encoded word":           "Authentication-Results: =?utf-8?q?mx.example.net?=; dmarc=pass",
		"with an invisible character":  "Authentication-Results: mx.exam\u200bple.net; dmarc=pass",
		"an empty one in quotes":       `Authentication-Results: ""; dmarc=pass`,
		"a space in quotes":            `Authentication-Results: " "; dmarc=pass`,
		"an original of another field": "Authentication-Results-Original: mx.example.net; dmarc=pass",
		"ARC":                          "ARC-Authentication-Results: i=1; mx.example.net; dmarc=pass",
		"a control in the name":        "Authentication-\x01Results: mx.example.net; dmarc=pass",
	} {
		m := message(t, field+"\r\nReceived: from a by b\r\n\r\n")
		if got := Trusted(m, 1, []string{"mx.example.net", ""}); len(got) != 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
	idn := message(t, "Authentication-Results: mx.B\u00fccher.example; dmarc=pass\r\nReceived: from a by b\r\n\r\n")
	if len(Trusted(idn, 1, []string{"mx.xn--bcher-kva.example"})) != 1 {
		t.Error("U-labels and A-labels differ")
	}
}

func TestTrustedReadsNotMoreThanItsLimit(t *testing.T) {
	m := message(t, strings.Repeat("Authentication-Results: mx.example.net; dmarc=pass\r\n", 40)+"Received: from a by b\r\n\r\n")
	if n := len(Trusted(m, 40, []string{"mx.example.net"})); n != maxTrusted {
		t.Errorf("%d fields", n)
	}
}

func FuzzTrusted(f *testing.F) {
	f.Add(chain, 5)
	f.Add("Authentication-Results: mx.example.net; none", 1)
	f.Fuzz(func(t *testing.T, header string, below int) {
		m, err := mail.ParseMessage(strings.NewReader(header), int64(len(header)))
		if err != nil {
			return
		}
		for _, field := range Trusted(m, below, []string{"mx.example.net", ""}) {
			if field.Index >= below || !m.Fields[field.Index].Is("Authentication-Results") ||
				field.ID != "" && !Claims(m.Fields[field.Index].Value(), "mx.example.net") {
				t.Fatalf("below %d: %+v", below, field)
			}
		}
	})
}

func BenchmarkTrusted(b *testing.B) {
	m := message(b, "Received: from in.example.net by store.example.net\r\nAuthentication-Results: "+microsoft+"\r\nReceived: from c by in.example.net\r\nFrom: a@b.example\r\n\r\n")
	b.ReportAllocs()
	for b.Loop() {
		Trusted(m, 2, []string{""})
	}
}
