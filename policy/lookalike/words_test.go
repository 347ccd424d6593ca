package lookalike

import (
	"strings"
	"testing"

	"mxgate/policy/mail"
)

func TestWordsOfMoreCountriesThanTwoAreKnown(t *testing.T) {
	for _, name := range []string{"vestfjell-as.no", "vestfjellas.no", "vestfjell-ab.se", "vestfjell-oy.fi", "vestfjell-bv.nl", "vestfjell-sarl.fr", "vestfjell-aps.dk", "vestfjell-norge.no", "vestfjell-nordic.com", "vestfjell-intl.com"} {
		if m, ok := Compare(mail.Domain(name), "vestfjell.no"); !ok || m.Unlisted || m.Confidence < 50 {
			t.Errorf("%s: %+v", name, m)
		}
	}
	for _, name := range []string{"vestfjell-faktura.com", "vestfjell-regning.no"} {
		if m, ok := Compare(mail.Domain(name), "vestfjell.no"); !ok || m.Unlisted || m.Confidence < 80 {
			t.Errorf("%s: %+v", name, m)
		}
	}
}

func TestEachWordIsListedOnce(t *testing.T) {
	seen := map[string]bool{}
	for word := range strings.FieldsSeq(kindWords) {
		if folded := foldWord(word); seen[folded] || commonWords[folded] || len(folded) < minBrand {
			t.Errorf("%s", word)
		} else {
			seen[folded] = true
		}
	}
}
