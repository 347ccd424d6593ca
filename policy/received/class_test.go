package received

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// attacks holds one field or more for each attack class of the catalogue of
// formats that shows in a field; A4 and A5 need a message and are tried in chains.
var attacks = []struct{ name, value, want, defect string }{
	{"A1 a trace in the HELO", `from mail.example.org (relay.mimecast.com [198.51.100.66]) (x.example [203.0.113.9]) by mx.example.com (Postfix) with SMTP id 1` + stamp,
		"noip helo=mail.example.org rdns=x.example by=mx.example.com proto=SMTP id=1 ambiguous", ""},
	{"A1 a trace in the HELO, as Postfix writes it", `from mail.example.org??relay.mimecast.com??198.51.100.66?? (x.example [203.0.113.9]) by mx.example.com (Postfix) with SMTP id 1` + stamp,
		"smtp ip=203.0.113.9 helo=mail.example.org??relay.mimecast.com??198.51.100.66?? rdns=x.example by=mx.example.com proto=SMTP id=1", ""},
	{"A2 an address in the HELO", `from [203.0.113.5] (x.example [203.0.113.9]) by mx.example.com (Postfix) with SMTP id 1` + stamp,
		"smtp ip=203.0.113.9 helo=[203.0.113.5] rdns=x.example by=mx.example.com proto=SMTP id=1", ""},
	{"A2 a parenthesis in the HELO", `from x) (x.example [203.0.113.9]) by mx.example.com with SMTP` + stamp, "smtp ip=203.0.113.9 helo=x rdns=x.example by=mx.example.com proto=SMTP", DefectParenthesis},
	{"A2 a semicolon in the HELO", `from x; (x.example [203.0.113.9]) by mx.example.com with SMTP` + stamp, "smtp ip=203.0.113.9 helo=x rdns=x.example by=mx.example.com proto=SMTP", ""},
	{"A2 by in the HELO", `from x by mx.provider.example (x.example [203.0.113.9]) by mx.example.com with SMTP` + stamp, "garbage helo=x proto=SMTP", DefectTwoBy},
	{"A2 from in the HELO", `from x from y (x.example [203.0.113.9]) by mx.example.com with SMTP` + stamp, "noip helo=x rdns=x.example by=mx.example.com proto=SMTP ambiguous", DefectTwoFrom},
	{"A3 a host of the provider as HELO and reverse name", `from AB1.mail.protection.outlook.com (AB1.mail.protection.outlook.com [203.0.113.9]) by mx.example.com with SMTP` + stamp,
		"smtp ip=203.0.113.9 helo=AB1.mail.protection.outlook.com rdns=AB1.mail.protection.outlook.com by=mx.example.com proto=SMTP", ""},
	{"A6 a comment never closed", `from x (y [203.0.113.9] by mx.example.com with SMTP` + stamp, "garbage helo=x rdns=y", DefectOpenComment},
	{"A6 a quote never closed", `from "x (y [203.0.113.9]) by mx.example.com with SMTP` + stamp, `smtp ip=203.0.113.9 helo="x rdns=y by=mx.example.com proto=SMTP`, ""},
	{"A6 deep comments", `from x (y [203.0.113.9]) by mx.example.com ` + strings.Repeat("(", 65) + strings.Repeat(")", 65) + stamp, "smtp ip=203.0.113.9 helo=x rdns=y by=mx.example.com", DefectCut},
	{"A6 100 KB", `from x (y [203.0.113.9]) by mx.example.com with SMTP id ` + strings.Repeat("a", 100<<10) + stamp, "smtp ip=203.0.113.9 helo=x rdns=y by=mx.example.com proto=SMTP id=" + strings.Repeat("a", maxFieldOctets-len(`from x (y [203.0.113.9]) by mx.example.com with SMTP id `)), DefectCut},
	{"A6 a client of more than 2 KiB", `from ` + strings.Repeat("a", 2<<10) + ` (y [203.0.113.9]) by mx.example.com with SMTP` + stamp, "noip by=mx.example.com proto=SMTP ambiguous", DefectCut},
	{"A6 a certificate of more than 1 KiB", `from x (y [203.0.113.9]) (Client CN "` + strings.Repeat("a", 1<<10) + `)") by mx.example.com with SMTP` + stamp, "garbage helo=x rdns=y", DefectOpenComment},
	{"A6 weekdays", "from x (y [203.0.113.9]) by mx.example.com id mon tue wed thu Fri, 2 Nov 2026 09:00:00 +0000", "smtp ip=203.0.113.9 helo=x rdns=y by=mx.example.com id=mon", DefectNoDate},
	{"A6 controls", `from x (y [203.0.113.9]) by mx.example.com with SMTP id ` + strings.Repeat("\x01", 100) + "a" + stamp, "smtp ip=203.0.113.9 helo=x rdns=y by=mx.example.com proto=SMTP", DefectCut},
	{"A7 a homoglyph", `from x (y [203.0.113.9]) by mx.exаmple.com with SMTP` + stamp, "smtp ip=203.0.113.9 helo=x rdns=y by=mx.exаmple.com proto=SMTP", Defect8Bit},
	{"A7 upper case and a dot behind", `from x (y [203.0.113.9]) by MX.EXAMPLE.COM. with SMTP` + stamp, "smtp ip=203.0.113.9 helo=x rdns=y by=MX.EXAMPLE.COM. proto=SMTP", ""},
	{"A8 a private client", `from x (y [10.0.0.9]) by mx.example.com with SMTP` + stamp, "smtp ip=10.0.0.9 helo=x rdns=y by=mx.example.com proto=SMTP", ""},
	{"A8 loopback", `from x (y [127.0.0.1]) by mx.example.com with SMTP` + stamp, "internal ip=127.0.0.1 helo=x rdns=y by=mx.example.com proto=SMTP", ""},
	{"A8 link-local with a zone", `from x (y [fe80::1%eth0]) by mx.example.com with SMTP` + stamp, "smtp ip=fe80::1 helo=x rdns=y by=mx.example.com proto=SMTP", ""},
	{"A8 mapped", `from x (y [::ffff:203.0.113.9]) by mx.example.com with SMTP` + stamp, "smtp ip=203.0.113.9 helo=x rdns=y by=mx.example.com proto=SMTP", ""},
	{"A9 several recipients", `from x (y [203.0.113.9]) by mx.example.com with SMTP for <bob@example.com>, <ann@example.com>` + stamp, "smtp ip=203.0.113.9 helo=x rdns=y by=mx.example.com proto=SMTP for=bob@example.com,ann@example.com", ""},
	{"A9 without brackets", `from x (y [203.0.113.9]) by mx.example.com with SMTP for bob@example.com` + stamp, "smtp ip=203.0.113.9 helo=x rdns=y by=mx.example.com proto=SMTP for=bob@example.com", ""},
	{"A9 ORCPT", `from x (y [203.0.113.9]) by mx.example.com with SMTP id 1 (ORCPT <rfc822;bob@elsewhere.example>)` + stamp, "smtp ip=203.0.113.9 helo=x rdns=y by=mx.example.com proto=SMTP id=1", ""},
	{"A10 folding lost", `from x (y [203.0.113.9])by mx.example.com with SMTP` + stamp, "smtp ip=203.0.113.9 helo=x rdns=y by=mx.example.com proto=SMTP", ""},
	{"A10 quoted-printable", `from x (y [203.0.113.9]) by mx.example.com with SMTP (version=3DTLSv1.3 cipher=3DX) id 1=` + stamp, "smtp ip=203.0.113.9 helo=x rdns=y by=mx.example.com proto=SMTP id=1=", ""},
	{"A10 marked as quoted", "from x (y [203.0.113.9])\r\n > by mx.example.com\r\n > with SMTP" + stamp, "smtp ip=203.0.113.9 helo=x rdns=y by=mx.example.com proto=SMTP", ""},
	{"A10 a space that does not break", "from\u00a0x (y [203.0.113.9]) by\u00a0mx.example.com with SMTP" + stamp, "garbage helo=from\u00a0x rdns=y", Defect8Bit},
	{"A10 typographic quotes", "from x (y [203.0.113.9]) by mx.example.com with SMTP id “1”" + stamp, "smtp ip=203.0.113.9 helo=x rdns=y by=mx.example.com proto=SMTP id=“1”", Defect8Bit},
	{"A10 the beginning is missing", `org (y [203.0.113.9]) by mx.example.com with SMTP` + stamp, "smtp ip=203.0.113.9 helo=org rdns=y by=mx.example.com proto=SMTP", ""},
	{"A10 the end is missing", `from x (y [203.0.113.9]) by mx.example`, "smtp ip=203.0.113.9 helo=x rdns=y by=mx.example", DefectNoDate},
}

func TestEveryAttackIsReadOrRefused(t *testing.T) {
	for _, c := range attacks {
		h := Parse(c.value)
		if got := describe(h); got != c.want {
			t.Errorf("%s:\n got %.300s\nwant %.300s", c.name, got, c.want)
		}
		if c.defect != "" && !slices.Contains(h.Defects, c.defect) {
			t.Errorf("%s: defects %q, want %q", c.name, h.Defects, c.defect)
		}
	}
}

// TestEveryNumberOfTheCatalogueIsInATable fails if a format, a date or an attack
// of the catalogue of formats is nowhere.
func TestEveryNumberOfTheCatalogueIsInATable(t *testing.T) {
	seen := map[string]bool{
		"A4":  true, // TestNoAttackChangesTheOriginOfARealChain
		"A5":  true, // ditto, and TestOnlyReceivedFieldsAreHopsNewestFirst
		"D12": true, // TestOnlyReceivedFieldsAreHopsNewestFirst
	}
	for _, c := range formats {
		seen[strings.Fields(c.name)[0]] = true
	}
	for _, c := range dates {
		seen[strings.Fields(c.name)[0]] = true
	}
	for _, c := range attacks {
		seen[strings.Fields(c.name)[0]] = true
	}
	for _, of := range []struct {
		form string
		n    int
	}{{"F%02d", 69}, {"D%d", 12}, {"A%d", 10}} {
		for i := range of.n {
			if number := fmt.Sprintf(of.form, i+1); !seen[number] {
				t.Errorf("%s is in no table", number)
			}
		}
	}
}
