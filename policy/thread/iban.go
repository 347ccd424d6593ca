package thread

import (
	"strings"
	"unicode/utf8"
)

// structures are the lengths and the structure of the BBAN of each country, as
// the IBAN registry of ISO 13616 writes it: n digits, a letters, c either.
const structures = `AD 8n12c AE 19n AL 8n16c AT 16n AZ 4a20c BA 16n BE 12n BG 4a6n8c BH 4a14c BI 23n BR 23n1a1c BY 4c4n16c CH 5n12c CR 18n
CY 8n16c CZ 20n DE 18n DJ 23n DK 14n DO 4c20n EE 16n EG 25n ES 20n FI 14n FK 2a12n FO 14n FR 10n11c2n GB 4a14n GE 2a16n GI 4a15c GL 14n
GR 7n16c GT 4c20c HN 4a20n HR 17n HU 24n IE 4a14n IL 19n IQ 4a15n IS 22n IT 1a10n12c JO 4a4n18c KW 4a22c KZ 3n13c LB 4n20c LC 4a24c
LI 5n12c LT 16n LU 3n13c LV 4a13c LY 21n MC 10n11c2n MD 2c18c ME 18n MK 3n10c2n MN 16n MR 23n MT 4a5n18c MU 4a19n3a NI 4a20n NL 4a10n
NO 11n OM 3n16c PK 4a16c PL 24n PS 4a21c PT 21n QA 4a21c RO 4a16c RS 18n RU 14n15c SA 2n18c SC 4a20n3a SD 14n SE 20n SI 15n SK 20n
SM 1a10n12c SO 19n ST 21n SV 4a20n TL 19n TN 20n TR 6n16c UA 6n19c VA 18n VG 4a16n XK 16n YE 4a4n18c`

const maxIBAN = 34

// bbans holds what each character of an IBAN may be, by the letters of its country.
var bbans = func() (t [26][26]string) {
	words := strings.Fields(structures)
	for i := 0; i < len(words); i += 2 {
		var kinds strings.Builder
		n := 0
		for _, c := range []byte(words[i+1]) {
			if c >= '0' && c <= '9' {
				n = 10*n + int(c-'0')
				continue
			}
			kinds.WriteString(strings.Repeat(string(c), n))
			n = 0
		}
		t[words[i][0]-'A'][words[i][1]-'A'] = "aann" + kinds.String()
	}
	return t
}()

// Limits of how an IBAN may be printed.
const (
	maxGap     = 12  // what separates two characters: a line end and a quote mark
	maxPrinted = 160 // all of it
)

// bbanOf returns what each character of an IBAN may be that begins with the two
// letters text begins with; "" if none does.
func bbanOf(text []byte) string {
	a, b := upper(text[0])-'A', upper(text[1])-'A'
	if a > 'Z'-'A' || b > 'Z'-'A' {
		return ""
	}
	return bbans[a][b]
}

// readIBAN reads an IBAN at the start of text, in any case, with any separators
// people print, over the end of a line, and with letters in the place of digits
// that look like them. end is where it ends, 0 if there is none. sure is false
// if that hangs on a character that must be folded.
func readIBAN(text []byte) (iban string, end int, sure bool) {
	if len(text) < 4 {
		return "", 0, true
	}
	kinds := bbanOf(text)
	if kinds == "" {
		return "", 0, true
	}
	upperCase := text[0] <= 'Z' && text[1] <= 'Z'
	var buf [maxIBAN]byte
	n, gap, line := 0, 0, false
	text = text[:min(len(text), maxPrinted)]
	for i := 0; i < len(text); i++ {
		c := upper(text[i])
		switch {
		case c >= '0' && c <= '9' || c >= 'A' && c <= 'Z':
			if buf[n] = fitting(c, kinds[n]); buf[n] == 0 {
				return "", 0, true
			}
			gap, line = 0, false
			if n++; n < len(kinds) {
				continue
			}
			if i+1 < len(text) && text[i+1] >= utf8.RuneSelf && text[i+1] != other {
				return "", 0, false
			}
			if !endsIBAN(text[i:]) || mod97(buf[:n]) != 1 {
				return "", 0, true
			}
			return string(buf[:n]), i + 1, true
		case c == '\n':
			line = true
		case c == '>':
			if !line {
				return "", 0, true
			}
		case strings.IndexByte(",:;()[]{}|", c) >= 0 && upperCase: // "at 08:00, 09:30" is no account
		case strings.IndexByte(" \t.-/_*'", c) < 0:
			return "", 0, c < utf8.RuneSelf || c == other
		}
		if gap++; gap > maxGap {
			return "", 0, true
		}
	}
	return "", 0, true
}

func upper(c byte) byte {
	if c >= 'a' && c <= 'z' {
		c -= 'a' - 'A'
	}
	return c
}

// fitting returns c, or the digit that it looks like where there must be one; 0
// if it cannot stand there.
func fitting(c, kind byte) byte {
	switch isDigit := c <= '9'; {
	case kind == 'c', kind == 'n' && isDigit, kind == 'a' && !isDigit:
		return c
	case kind == 'a':
		return 0
	}
	switch c {
	case 'O', 'Q':
		return '0'
	case 'I', 'L':
		return '1'
	case 'Z':
		return '2'
	case 'S':
		return '5'
	case 'B':
		return '8'
	}
	return 0
}

// endsIBAN reports whether the character text starts with is the last: what
// follows is another word. HTML may have glued "BIC" to it.
func endsIBAN(text []byte) bool {
	return len(text) == 1 || class[text[1]] == none || class[text[0]] == number && class[text[1]] == letter
}

// mod97 returns the remainder of ISO 7064 with the first four characters last.
func mod97(iban []byte) int {
	rest := 0
	for i := range iban {
		c := iban[(i+4)%len(iban)]
		if c <= '9' {
			rest = (10*rest + int(c-'0')) % 97
		} else {
			rest = (100*rest + int(c-'A') + 10) % 97
		}
	}
	return rest
}
