package generate

import (
	"math/rand/v2"
	"slices"
	"strings"
)

// disguises tells what a reader takes for a letter.
type disguises map[byte][]string

// leet are ASCII characters and sequences.
var leet = disguises{
	'o': {"0"}, 'l': {"1", "i"}, 'i': {"1", "l"}, 'e': {"3"}, 'a': {"4"}, 's': {"5"}, 't': {"7"}, 'b': {"8"}, 'g': {"9", "q"}, 'z': {"2"},
	'm': {"rn", "nn"}, 'w': {"vv"}, 'd': {"cl"}, 'u': {"v"}, 'q': {"g"}, '0': {"o"}, '1': {"l", "i"}, '5': {"s"},
}

// foreign are letters of other scripts, and letters with marks, that registries
// take and readers overlook.
var foreign = disguises{
	'a': {"а", "á", "à", "ä", "â", "ą", "ạ", "ά"}, 'b': {"ь"}, 'c': {"с", "ç", "ć", "č"}, 'd': {"ԁ", "đ", "ď"}, 'e': {"е", "é", "è", "ê", "ë", "ę", "ẹ", "ė"},
	'g': {"ğ", "ģ", "ġ"}, 'h': {"һ", "ĥ"}, 'i': {"і", "í", "ì", "ï", "ı", "ị", "ί"}, 'j': {"ј"}, 'k': {"к", "ķ", "κ"}, 'l': {"ӏ", "ł", "ĺ", "ļ"},
	'n': {"ñ", "ń", "ņ", "ň", "η"}, 'o': {"о", "ο", "ó", "ò", "ö", "ô", "õ", "ọ", "ø", "ό"}, 'p': {"р", "ρ"}, 'q': {"ԛ"}, 'r': {"ŕ", "ř", "ŗ"},
	's': {"ѕ", "ś", "š", "ş", "ș"}, 't': {"т", "ť", "ţ", "ț"}, 'u': {"ú", "ù", "ü", "û", "ų", "ụ", "υ"}, 'v': {"ѵ", "ν"}, 'w': {"ԝ", "ŵ"}, 'x': {"х"},
	'y': {"у", "ý", "ÿ"}, 'z': {"ź", "ż", "ž"},
}

// cyrillic has one letter each, for names written in it throughout.
var cyrillic = disguises{
	'a': {"а"}, 'b': {"ь"}, 'c': {"с"}, 'd': {"ԁ"}, 'e': {"е"}, 'h': {"һ"}, 'i': {"і"}, 'j': {"ј"}, 'k': {"к"}, 'l': {"ӏ"}, 'm': {"м"}, 'o': {"о"},
	'p': {"р"}, 'q': {"ԛ"}, 'r': {"г"}, 's': {"ѕ"}, 't': {"т"}, 'v': {"ѵ"}, 'w': {"ԝ"}, 'x': {"х"}, 'y': {"у"}, '-': {"-"},
}

// exotic are letters that few typefaces have: with hooks, strokes and dots below,
// small capitals, phonetic letters, Armenian, Cherokee, Georgian and Lisu.
var exotic = disguises{
	'a': {"ɑ", "ᴀ", "ḁ", "ǎ", "ȧ"}, 'b': {"ƀ", "ɓ", "ʙ", "ḅ", "ḇ"}, 'c': {"ƈ", "ᴄ", "ȼ", "ꮯ", "ϲ"}, 'd': {"ɖ", "ɗ", "ᴅ", "ḍ", "ḏ"}, 'e': {"ɇ", "ᴇ", "ȩ", "ḛ", "ҽ"},
	'f': {"ƒ", "ḟ", "ꜰ"}, 'g': {"ɡ", "ɠ", "ǥ", "ց", "ɢ"}, 'h': {"հ", "ɦ", "ħ", "ʜ", "ḥ"}, 'i': {"ɩ", "ɨ", "ɪ", "ḭ", "ӏ"}, 'j': {"ʝ", "ɉ", "ᴊ", "յ"},
	'k': {"ƙ", "ᴋ", "ḳ", "ⱪ"}, 'l': {"ƚ", "ɫ", "ʟ", "ḷ", "ḻ"}, 'm': {"ɱ", "ᴍ", "ṃ", "ḿ"}, 'n': {"ո", "ɲ", "ɴ", "ṇ", "ŋ", "ƞ"}, 'o': {"օ", "ᴏ", "ơ", "ȯ", "ǿ"},
	'p': {"ƥ", "ᴘ", "ṗ", "ᵽ"}, 'q': {"զ", "ʠ", "ɋ"}, 'r': {"ɍ", "ʀ", "ṛ", "ɼ"}, 's': {"ʂ", "ꜱ", "ṣ", "ꮪ"}, 't': {"ƭ", "ᴛ", "ṭ", "ŧ", "ƫ"},
	'u': {"ս", "ʋ", "ᴜ", "ư", "ṳ"}, 'v': {"ᴠ", "ʌ", "ṿ", "ꮩ"}, 'w': {"ᴡ", "ẉ", "ꮃ", "ѡ"}, 'x': {"ҳ", "ẋ", "ẍ"}, 'y': {"ƴ", "ʏ", "ɏ", "ỵ", "ү"}, 'z': {"ƶ", "ᴢ", "ẓ", "ʐ", "ꮓ"},
}

// disguise replaces n letters; "" if the name has fewer that can be.
func disguise(table disguises, n int) func(string, *rand.Rand) string { return between(table, n, n) }

// between replaces least to most letters.
func between(table disguises, least, most int) func(string, *rand.Rand) string {
	return func(s string, r *rand.Rand) string {
		var at []int
		for i := range len(s) {
			if table[s[i]] != nil {
				at = append(at, i)
			}
		}
		if len(at) < least {
			return ""
		}
		r.Shuffle(len(at), func(i, j int) { at[i], at[j] = at[j], at[i] })
		at = at[:least+r.IntN(min(most, len(at))-least+1)]
		slices.Sort(at)
		for _, i := range slices.Backward(at) {
			choices := table[s[i]]
			s = s[:i] + choices[r.IntN(len(choices))] + s[i+1:]
		}
		return s
	}
}

// throughout replaces every letter, or gives up.
func throughout(table disguises) func(string, *rand.Rand) string {
	return func(s string, r *rand.Rand) string { return between(table, len(s), len(s))(s, r) }
}

// digraphs look alike where letters stand close; each is used both ways.
var digraphs = [][2]string{{"m", "rn"}, {"d", "cl"}, {"w", "vv"}, {"m", "nn"}, {"w", "uu"}}

// digraph exchanges one letter for two, or two for one.
func digraph(s string, r *rand.Rand) string {
	pair := digraphs[r.IntN(len(digraphs))]
	from, to := pair[0], pair[1]
	if r.IntN(2) == 1 {
		from, to = to, from
	}
	parts := strings.Split(s, from)
	if len(parts) < 2 {
		return ""
	}
	cut := 1 + r.IntN(len(parts)-1)
	return strings.Join(parts[:cut], from) + to + strings.Join(parts[cut:], from)
}
