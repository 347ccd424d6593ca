package hijack

import (
	"bytes"
	"errors"
	"math/big"
	"math/rand/v2"
	netmail "net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mxgate/policy/corpustest"
)

const stolen = "Received: from a by b; Thu, 22 Aug 2002 10:05:03 -0400 (EDT)\r\nFrom: \"Ann Other\" <ann@partner.example>\r\nTo: Me <me@own.example>, bob@third.example\r\n" +
	"Subject: the offer\r\nMessage-Id: <2@partner.example>\r\nReferences: <1@own.example>\r\nIn-Reply-To: <1@own.example>\r\n\r\nHere it is.\r\n"

var victim = Person{"Me", "me", "own.example"}

func disguised(domain string, _ *rand.Rand) string { return "x" + domain }

func steal(t *testing.T, v Variant, seed uint64) (Hijack, *netmail.Message) {
	t.Helper()
	m, err := Read("f", "t", []byte(stolen))
	if err != nil {
		t.Fatal(err)
	}
	h, ok := Steal(m, nil, victim, v, time.Date(2002, 9, 1, 0, 0, 0, 0, time.UTC), disguised, rand.New(rand.NewPCG(seed, 1)))
	if !ok {
		t.Fatal("not made")
	}
	parsed, err := netmail.ReadMessage(bytes.NewReader(h.Raw))
	if err != nil {
		t.Fatalf("%v\n%s", err, h.Raw)
	}
	return h, parsed
}

func TestEveryVariantShowsWhatItSays(t *testing.T) {
	variants := Variants([]string{"a", "b"})
	if len(variants) != 2*32 {
		t.Fatalf("%d variants", len(variants))
	}
	for i, v := range variants {
		h, m := steal(t, v, uint64(i))
		cc, _ := netmail.ParseAddressList(m.Header.Get("Cc"))
		body := string(h.Raw[bytes.Index(h.Raw, []byte("\r\n\r\n")):])
		switch {
		case m.Header.Get("From") != `"Ann Other" <ann@xpartner.example>`, h.Target != "partner.example":
			t.Errorf("From: %s", m.Header.Get("From"))
		case v.StolenID != strings.Contains(m.Header.Get("References"), "<2@partner.example>"):
			t.Errorf("%+v: References: %s", v, m.Header.Get("References"))
		case v.Quote != strings.Contains(body, "ann@partner.example"), v.Quote != strings.Contains(body, "Here it is."):
			t.Errorf("%+v: %s", v, body)
		case len(cc) != v.LookalikeCc, strings.Contains(m.Header.Get("Cc"), "@third.example"), strings.Contains(m.Header.Get("Cc"), "own.example"):
			t.Errorf("%+v: Cc: %s", v, m.Header.Get("Cc"))
		case v.Payment && !strings.Contains(body, "DE") && !strings.Contains(body, "GB"):
			t.Errorf("%+v: %s", v, body)
		}
	}
}

func TestAForgedQuoteShowsTheHijackerAlone(t *testing.T) {
	for i, v := range Forged([]string{"a"}) {
		h, m := steal(t, v, uint64(i))
		if strings.Contains(string(h.Raw[bytes.Index(h.Raw, []byte("\r\n\r\n")):]), "ann@partner.example") || v.StolenID == (m.Header.Get("References") == "") {
			t.Errorf("%s", h.Raw)
		}
	}
}

func TestEveryStyleOfQuotingIsMade(t *testing.T) {
	made := map[string]bool{}
	for seed := range uint64(200) {
		h, _ := steal(t, Variant{Quote: true}, seed)
		made[h.Style] = true
	}
	if len(made) != len(styles) {
		t.Errorf("%v", made)
	}
}

func TestIBANsHaveTheirChecksum(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 100 {
		iban := IBAN(r)
		var digits strings.Builder
		for _, c := range iban[4:] + iban[:4] {
			if c >= 'A' {
				digits.WriteString(big.NewInt(int64(c - 'A' + 10)).String())
			} else {
				digits.WriteRune(c)
			}
		}
		n, _ := new(big.Int).SetString(digits.String(), 10)
		if new(big.Int).Mod(n, big.NewInt(97)).Int64() != 1 || len(iban) != 22 {
			t.Errorf("%s", iban)
		}
	}
}

func TestAMessageWithoutAuthorOrIDIsUnusable(t *testing.T) {
	for _, text := range []string{"From: nobody\n\n", "From: a@b.example\n\n", "Message-Id: <a@b>\n\n"} {
		if _, err := Read("f", "t", []byte(text)); !errors.Is(err, ErrUnusable) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestRealMailIsRead(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(corpustest.Path(t, "mail/ham"), "*.eml"))
	if err != nil {
		t.Fatal(err)
	}
	unusable := 0
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		m, err := Read(file, "", raw)
		if err != nil {
			unusable++
		} else if y := m.At.Year(); y != 2002 {
			t.Errorf("%s arrived in %d", file, y)
		}
	}
	if unusable > len(files)/20 {
		t.Errorf("%d of %d unusable", unusable, len(files))
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(stolen))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := Read("f", "t", raw)
		if err != nil {
			return
		}
		Steal(m, []Mail{m}, victim, Variant{StolenID: true, Quote: true, LookalikeCc: 3}, m.At, disguised, rand.New(rand.NewPCG(1, 1)))
	})
}
