package thread

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// ibans are the examples of the IBAN registry and of national banks, one for
// most structures.
var ibans = strings.Fields(`AD1200012030200359100100 AE070331234567890123456 AL47212110090000000235698741 AT611904300234573201 BE68539007547034 BG80BNBG96611020345678
	CH9300762011623852957 CY17002001280000001200527600 CZ6508000000192000145399 DE89370400440532013000 DK5000400440116243 EE382200221020145685 ES9121000418450200051332
	FI2112345600000785 FO6264600001631634 FR1420041010050500013M02606 GB29NWBK60161331926819 GE29NB0000000101904917 GI75NWBK000000007099453 GR1601101250000000012300695
	HR1210010051863000160 HU42117730161111101800000000 IE29AIBK93115212345678 IL620108000000099999999 IS140159260076545510730339 IT60X0542811101000000123456
	KW81CBKU0000000000001234560101 KZ86125KZT5004100100 LB62099900000001001901229114 LI21088100002324013AA LT121000011101001000 LU280019400644750000 LV80BANK0000435195001
	MC5811222000010123456789030 ME25505000012345678951 MK07250120000058984 MR1300020001010000123456753 MT84MALT011000012345MTLCAST001S MU17BOMM0101101030300200000MUR
	NL91ABNA0417164300 NO9386011117947 PL61109010140000071219812874 PT50000201231234567890154 RO49AAAA1B31007593840000 RS35260005601001611379 SA0380000000608010167519
	SE4550000000058398257466 SI56263300012039086 SK3112000000198742637541 SM86U0322509800000000270100 TN5910006035183598478831 TR330006100519786457841326 VG96VPVG0000012345678901`)

func TestIBANsOfAllStructuresAreRead(t *testing.T) {
	for _, iban := range ibans {
		if c := body(t, "text/plain", "Please pay to "+iban+".\n"); !slices.Equal(c.Accounts, []string{iban}) {
			t.Errorf("%s: %q", iban, c.Accounts)
		}
		for i := range iban { // each character counts
			wrong := []byte(iban)
			switch {
			case wrong[i] >= '0' && wrong[i] <= '9':
				wrong[i] = '0' + (wrong[i]-'0'+1)%10
			default:
				wrong[i] = 'A' + (wrong[i]-'A'+1)%26
			}
			if c := body(t, "text/plain", "Please pay to "+string(wrong)+".\n"); len(c.Accounts) > 0 {
				t.Errorf("%s: %q", wrong, c.Accounts)
			}
		}
		if c := body(t, "text/plain", "Please pay to "+iban[:len(iban)-1]+" or "+iban+"4, x"+iban+".\n"); len(c.Accounts) > 0 {
			t.Errorf("%s, cut, lengthened or inside a word: %q", iban, c.Accounts)
		}
	}
}

func TestStructuresHaveTheLengthsOfTheRegistry(t *testing.T) {
	countries := 0
	for a, row := range bbans {
		for b, kinds := range row {
			if kinds == "" {
				continue
			}
			countries++
			if len(kinds) < 15 || len(kinds) > maxIBAN || strings.Trim(kinds, "anc") != "" {
				t.Errorf("%c%c: %q", 'A'+a, 'A'+b, kinds)
			}
		}
	}
	if countries < 80 {
		t.Errorf("%d countries", countries)
	}
}

func TestIBANsAreReadHoweverTheyArePrinted(t *testing.T) {
	const iban = "DE89370400440532013000"
	for name, text := range map[string]string{
		"groups":             "DE89 3704 0044 0532 0130 00",
		"lower case":         "de89 3704 0044 0532 0130 00",
		"dots":               "DE89.3704.0044.0532.0130.00",
		"hyphens":            "DE89-3704-0044-0532-0130-00",
		"commas":             "DE89,3704,0044,0532,0130,00",
		"colons":             "DE89: 3704: 0044: 0532: 0130: 00",
		"semicolons":         "DE89;3704;0044;0532;0130;00",
		"brackets":           "DE89 [3704] (0044) {0532} 0130 00",
		"a table in text":    "DE89 | 3704 | 0044 | 0532 | 0130 | 00",
		"no-break spaces":    "DE89\u00a03704\u00a00044\u00a00532\u00a00130\u00a000",
		"thin spaces":        "DE89\u20093704\u202f0044\u20050532\u30000130\u205f00",
		"invisible":          "D\u200bE8\u00ad9 37\u206004 0044 0532\ufeff 0130 00",
		"wrapped":            "DE89 3704 0044\n0532 0130 00",
		"with a label":       "IBAN:DE89370400440532013000",
		"glued to its label": "IBANDE89370400440532013000",
		"bold":               "*DE89 3704 0044 0532 0130 00*",
		"before BIC":         "DE89 3704 0044 0532 0130 00 BIC COBADEFFXXX",
		"wide digits":        "ＤＥ８９ ３７０４ ００４４ ０５３２ ０１３０ ００",
		"Arabic digits":      "DE٨٩ ٣٧٠٤ ٠٠٤٤ ٠٥٣٢ ٠١٣٠ ٠٠",
		"mathematical":       "𝐃𝐄𝟖𝟗 𝟑𝟕𝟎𝟒 𝟎𝟎𝟒𝟒 𝟎𝟓𝟑𝟐 𝟎𝟏𝟑𝟎 𝟎𝟎",
		"O for 0":            "DE89 37O4 OO44 O532 013O OO",
		"Cyrillic O for 0":   "DE89 37О4 ОО44 О532 013О ОО",
		"l for 1":            "DE89 3704 0044 0532 0l30 00",
		"B in the checksum":  "DEB9 3704 0044 0532 0130 00",
		"country apart":      "DE 89 3704 0044 0532 0130 00",
		"twice":              "DE89 3704 0044 0532 0130 00 or DE89370400440532013000",
		"a mark apart":       "DE89 3\u0323704 0044 0532 0130 00",
		"under dots":         "DE8̣9 3704 0044 0532 0130 00",
		"one by one":         "D E" + "", // too far apart to be one
		"a B apart":          "DEB 9 3704 0044 0532 0130 00",
	} {
		t.Run(name, func(t *testing.T) {
			want := []string{iban}
			if name == "one by one" || name == "a B apart" {
				want = nil
			}
			if c := body(t, "text/plain", "Pay to "+text+" now.\n"); !slices.Equal(c.Accounts, want) {
				t.Errorf("%q", c.Accounts)
			}
		})
	}
	for name, html := range map[string]string{
		"spans":          "<span>DE89</span><span>3704</span><b>0044</b> 0532&nbsp;0130 00",
		"cells":          "<table><tr><td>DE89</td><td>3704</td><td>0044</td><td>0532</td><td>0130</td><td>00</td></tr></table>",
		"broken lines":   "DE89 3704<br>0044 0532<br/>0130 00",
		"comments":       "DE<!--x-->89 37<!-- y -->04 0044 0532 0130 00",
		"entities":       "DE&#56;9 3704 &shy;0044 05&zwnj;32 0130 00",
		"hidden between": "DE89 <span style='display:none'>1234</span>3704 0044 <i style=\"font-size: 0px\">x</i>0532 0130 00",
		"hidden":         "<p style='color:red;display:none'>DE89 3704 0044 0532 0130 00</p>",
		"source wrapped": "DE89 3704\n   0044 0532 0130\n00",
		"a BIC glued to": "<span>DE89370400440532013000</span><span>BIC</span>",
	} {
		t.Run(name+", HTML", func(t *testing.T) {
			if c := body(t, "text/html", "<p>Pay to "+html+" now.</p>"); !slices.Equal(c.Accounts, []string{iban}) {
				t.Errorf("%q", c.Accounts)
			}
		})
	}
}

func TestQuotedAccountsStandApart(t *testing.T) {
	const own, old, third = "NO9386011117947", "DE89370400440532013000", "GB29NWBK60161331926819"
	for name, text := range map[string]string{
		"below an Outlook header": "New: " + own + "\n\nVon: A <a@b.example>\nGesendet: 1\nAn: c@d.example\nBetreff: x\n\nPay " + old + " or " + third + "\n",
		"marked":                  "New: " + own + "\n\nOn 3 Mar 2025, A <a@b.example> wrote:\n> Pay " + old + "\n> or GB29 NWBK\n> 6016 1331 9268 19\n",
		"unmarked":                "New: " + own + "\n\nOn 3 Mar 2025, A <a@b.example> wrote:\n\nPay " + old + "\nor " + third + "\n",
		"answered below":          "On 3 Mar 2025, A <a@b.example> wrote:\n> Pay " + old + "\n> or " + third + "\n\nNew: " + own + "\n",
		"accents before":          "Nouveau numéro à été créé: " + own + "\n\nDe : Éva <a@b.example>\nEnvoyé : 1\nObjet : é\n\nPay " + old + " or " + third + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			c := body(t, "text/plain", text)
			if !slices.Equal(c.Accounts, []string{own}) || !slices.Equal(c.QuotedAccounts, []string{old, third}) {
				t.Errorf("own %q, quoted %q", c.Accounts, c.QuotedAccounts)
			}
		})
	}
	t.Run("HTML", func(t *testing.T) {
		c := body(t, "text/html", "<p>"+own+"</p><blockquote><p>"+old+"</p><p>"+third+"</p></blockquote>")
		if !slices.Equal(c.Accounts, []string{own}) || !slices.Equal(c.QuotedAccounts, []string{old, third}) {
			t.Errorf("own %q, quoted %q", c.Accounts, c.QuotedAccounts)
		}
	})
}

// What is hidden cannot make what is shown a quotation.
func TestAHiddenHeaderQuotesNothing(t *testing.T) {
	c := body(t, "text/html", "<div style='display:none'>From: a@b.example<br>Sent: 1<br>Subject: x</div><p>Our new bank account: NO9386011117947</p>")
	if len(c.Accounts) != 1 || len(c.Parties) != 1 {
		t.Errorf("%+v", c)
	}
}

func TestAccountsAreBounded(t *testing.T) {
	c := body(t, "text/plain", strings.Join(append(ibans, ibans...), "\n"))
	if len(c.Accounts) != MaxAccounts || c.Unread == "" {
		t.Errorf("%q, unread %q", c.Accounts, c.Unread)
	}
}

// byRuns reads accounts as one would without haste: all of the text is folded,
// and an account is looked for in each run of letters and digits that may begin
// one.
func byRuns(r *reader, b []byte) (own, quoted []string) {
	b, segs := r.fold(b)
	for i := 0; i < len(b); {
		start := i
		for i < len(b) && class[b[i]] == letter {
			i++
		}
		end := i
		for i < len(b) && class[b[i]] != none {
			i++
		}
		if i == start {
			i++
			continue
		}
		if follows := end < len(b) && class[b[end]] == number; !follows && (end != i || end != start+2 || end+1 >= len(b) || class[b[end+1]] != number) {
			continue
		}
		glued := 0
		if end-start > maxGlued {
			if end-start > 2*maxGlued || !strings.EqualFold(string(b[start:start+4]), "IBAN") {
				continue
			}
			glued = 4
		}
		if iban, n, _ := readIBAN(b[start+glued:]); n > 0 {
			list := &own
			if quotedAt(&segs, start) {
				list = &quoted
			}
			if !slices.Contains(*list, iban) && len(*list) < MaxAccounts {
				*list = append(*list, iban)
			}
			i = start + glued + n
		}
	}
	return own, quoted
}

// checkAccounts compares the accounts that are found in text, in a hurry, with
// those that are there. The lines of text have been read.
func checkAccounts(t *testing.T, r *reader, text []byte) {
	t.Helper()
	r.c.Accounts, r.c.QuotedAccounts = nil, nil
	r.accounts(text)
	if own, quoted := byRuns(r, text); !slices.Equal(r.c.Accounts, own) || !slices.Equal(r.c.QuotedAccounts, quoted) {
		t.Errorf("%q: %q and %q, want %q and %q", text, r.c.Accounts, r.c.QuotedAccounts, own, quoted)
	}
}

// pieces are what texts with accounts are made of, and what may stand in the way.
var pieces = strings.Fields("DE 89 DE89 3704 0044 0532 0130 00 NO93 8601 1117 947 BIC IBAN IBANDE89 D8 O I 1 x für Öl ß é \u0301 \u0323 ８ ９ ＤＥ ٨ ٩ Ⅾ Е О 𝐃𝐄 𝟖𝟗 ½ ⑴ ⒈ ﷺ 日 – € AT NO > | :")

func TestAccountsAreFoundInAHurryToo(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	found := 0
	for range 20000 {
		var b strings.Builder
		for range 1 + random.IntN(12) {
			switch random.IntN(6) {
			case 0: // a whole one, perhaps with something in it
				iban := ibans[random.IntN(len(ibans))]
				cut := random.IntN(len(iban))
				b.WriteString(iban[:cut])
				if random.IntN(2) == 0 {
					b.WriteString(pieces[random.IntN(len(pieces))])
				}
				b.WriteString(iban[cut:])
			default:
				b.WriteString(pieces[random.IntN(len(pieces))])
			}
			b.WriteString([]string{"", "", " ", "\n", "-", " \n> "}[random.IntN(6)])
		}
		var r reader
		r.lines([]byte(b.String()), false)
		checkAccounts(t, &r, []byte(b.String()))
		found += len(r.c.Accounts) + len(r.c.QuotedAccounts)
		if t.Failed() {
			return
		}
	}
	if found < 5000 {
		t.Errorf("%d accounts", found)
	}
}

func TestWhatFoldsToADigitMayBeANumber(t *testing.T) {
	for r := rune(0); r <= utf8.MaxRune; r++ {
		folded := appendFolded(nil, []byte(string(r)))
		if bytes.ContainsAny(folded, "0123456789") && !mayBeNumber(r) {
			t.Errorf("%U is %q", r, folded)
		}
	}
}

func TestTimesAndNumbersAreNoAccounts(t *testing.T) {
	for _, text := range []string{"I am free at 08:00, 09:30, 10:45, 12:30, 14:00 tomorrow.", "Article no:4006381300005", "de89,3704,0044,0532,0130,00"} {
		if c := Read(message(t, "From: a@author.example\n\n"+text+"\n")); len(c.Accounts) != 0 {
			t.Errorf("%s: %q", text, c.Accounts)
		}
	}
}
