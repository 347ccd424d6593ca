package generate

import (
	"math/rand/v2"
	"slices"
	"strings"
)

func oneOf(r *rand.Rand, choices []string) string { return choices[r.IntN(len(choices))] }

func addHyphen(s string, r *rand.Rand) string {
	i := 1 + r.IntN(len(s)-1)
	if s[i] == '-' || s[i-1] == '-' {
		return ""
	}
	return s[:i] + "-" + s[i:]
}

func dropHyphen(s string, _ *rand.Rand) string { return strings.ReplaceAll(s, "-", "") }

// suffixes are those that look-alikes are bought under: large, cheap or of a
// country.
var suffixes = strings.Fields(`com net org info biz co io cc tv me eu de at ch fr it es nl be pl uk.com co.uk us ca com.au co.za in cn
	shop store online site xyz top app dev cloud email live group company ltd finance support services work pro click link`)

func otherSuffix(t Target, r *rand.Rand) string {
	for {
		if s := oneOf(r, suffixes); s != t.Suffix {
			return s
		}
	}
}

func swapTLD(t Target, r *rand.Rand) string { return t.Label + "." + otherSuffix(t, r) }

// withTLD changes the label and the suffix.
func withTLD(change func(string, *rand.Rand) string) func(Target, *rand.Rand) string {
	return func(t Target, r *rand.Rand) string {
		if made := change(t.Label, r); made != "" && made != t.Label {
			return made + "." + otherSuffix(t, r)
		}
		return ""
	}
}

// carriers are domains of an attacker that show another one's name in front.
var carriers = strings.Fields("mail-gateway.net docs-view.com x7f3.info acme-hosting.org cdn-9.io portal-eu.com")

func embed(t Target, r *rand.Rand) string {
	prefix := oneOf(r, []string{"", "", "www.", "mail.", "my-", "secure."})
	return prefix + t.Domain + oneOf(r, []string{".", ".", "-"}) + oneOf(r, carriers)
}

func dotsToHyphens(t Target, r *rand.Rand) string {
	return strings.ReplaceAll(t.Domain, ".", "-") + "." + oneOf(r, suffixes)
}

// glue writes the suffix onto the label. Suffixes that are words or one letter
// more of a name give another name rather than a glued one.
func glue(t Target, r *rand.Rand) string {
	if !slices.Contains([]string{"com", "net", "org", "de", "fr", "eu", "co.uk", "com.au", "nl", "pl", "ch", "info", "biz", "ru", "jp", "cn"}, t.Suffix) {
		return ""
	}
	return t.Label + strings.ReplaceAll(t.Suffix, ".", "") + "." + otherSuffix(t, r)
}

// split makes two labels of one, each of at least two letters. Where the second
// and the suffix happen to be a public suffix, that is no split but another name.
func split(s string, r *rand.Rand) string {
	if len(s) < 6 {
		return ""
	}
	i := 2 + r.IntN(len(s)-3)
	return strings.Trim(s[:i], "-") + "." + strings.Trim(s[i:], "-")
}
