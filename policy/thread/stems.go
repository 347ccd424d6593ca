package thread

import (
	"slices"
	"strings"
)

// languages of the words for payment details, in the order of their bits.
var languages = [...]string{"en", "de", "fr", "no", "da", "sv", "es", "it", "nl", "pt", "fi", "pl"}

// stem is the beginning of a word for a change, or for a payment detail.
type stem struct {
	text      string
	whole     bool     // the word ends there
	detail    bool     // of a payment; else a change
	next      []string // stems of which one must follow within two words; nil for none
	languages uint16
}

// changes and details are lines of a language and its stems: "." ends a whole
// word, "+" joins the stem that must follow, "/" what may stand in its place.
const changes = `
en new. chang updat different. switched revis replac amend alternat
de neu. neue. neuen. neues. neuer. neuem. geander geaender ander. andern. anderung aender aktualisier umgestellt umstell gewechsel wechsel abweichend.
fr nouveau. nouvel. nouvelle nouveaux. chang modifi actualis remplac
no ny. nye. nytt. endr oppdater bytte. byttet. skiftet.
da ny. nye. nyt. aendr andr opdater skift
sv ny. nya. nytt. andr uppdater bytt
es nuev cambi modific actualiz distint
it nuov cambi modific aggiorn variat variazion
nl nieuw gewijzigd wijzig verander aangepast
pt novo. nova. novos. novas. alter mudou. mudan mudar atualiz actualiz modific
fi uusi. uude uudet. muuttu vaihtu vaihda
pl now zmian zmien zaktualiz`

const details = `
en bank+account/detail/info/data/coord/instruct banking+detail/info/data/instruct/coord account+number/detail/info payment+detail/instruct remittance+detail/instruct/info/address wire+instruct/detail beneficiary. iban. sort+code routing+number
de bankverbindung kontoverbindung bankdaten kontodaten bankkonto kontonummer geschaftskonto firmenkonto zahlungsdaten zahlungsinformation kontoinformation bankinformation bankdetail kontoangaben bankangaben iban.
fr rib. coordonnees+bancaire compte+bancaire donnees+bancaire domiciliation+bancaire iban.
no kontonummer kontonr. bankkonto bankforbindelse kontoopplysning bankopplysning betalingsopplysning betalingsinformasjon kontoinformasjon bankinformasjon bankdetalj iban.
da kontonummer bankkonto bankforbindelse kontooplysning bankoplysning betalingsoplysning kontoinformation iban.
sv kontonummer bankkonto kontouppgift bankuppgift betalningsuppgift bankgiro plusgiro bankinformation iban.
es cuenta+bancari datos+bancari coordenadas+bancari numero+cuenta iban.
it conto+corrente/bancari coordinate+bancari dati+bancari iban.
nl rekeningnummer bankrekening bankgegevens betaalgegevens betalingsgegevens rekeninggegevens iban.
pt conta+bancari dados+bancari coordenadas+bancari nib. iban.
fi tilinumero pankkitili pankkiyhtey tilitiedo iban.
pl numer+konta/rachunk rachunek+bankow rachunku+bankow konto+bankow dane+bankow iban.`

const maxWord = 32

// stems by the first letters of the word.
var stems = func() map[uint16][]stem {
	byText := map[string]*stem{}
	for i, list := range []string{changes, details} {
		for line := range strings.Lines(list) {
			words := strings.Fields(line)
			if len(words) == 0 {
				continue
			}
			for _, word := range words[1:] {
				st := byText[word]
				if st == nil {
					st = &stem{text: strings.TrimSuffix(word, "."), whole: strings.HasSuffix(word, "."), detail: i == 1}
					if first, next, ok := strings.Cut(word, "+"); ok {
						st.text, st.next = first, strings.Split(next, "/")
					}
					byText[word] = st
				}
				for lang, name := range languages {
					if name == words[0] {
						st.languages |= 1 << lang
					}
				}
			}
		}
	}
	m := map[uint16][]stem{}
	for _, st := range byText {
		key := keyOf([]byte(st.text))
		m[key] = append(m[key], *st)
	}
	for _, list := range m {
		slices.SortFunc(list, func(a, b stem) int { return strings.Compare(a.text, b.text) })
	}
	return m
}()

// matches reports whether a word in lower case begins with st, or is it: the
// first of two words ends there, too.
func (st *stem) matches(word []byte) bool {
	if st.whole || st.next != nil {
		return string(word) == st.text
	}
	return len(word) >= len(st.text) && string(word[:len(st.text)]) == st.text
}

// keyOf is made of the first three letters of a word, in any case; of two, if it
// has no more.
func keyOf(word []byte) uint16 {
	key := uint16(word[0]&31)<<10 | uint16(word[1]&31)<<5
	if len(word) > 2 {
		key |= uint16(word[2] & 31)
	}
	return key
}

// stemKeys is the set of keys, as bits: most words are none of ours.
var stemKeys = func() (set [1 << 15 / 64]uint64) {
	for key := range stems {
		set[key/64] |= 1 << (key % 64)
	}
	return set
}()

func mayBeStem(word []byte) bool {
	if len(word) < 2 || len(word) > maxWord {
		return false
	}
	key := keyOf(word)
	return stemKeys[key/64]>>(key%64)&1 != 0
}

// lowerWord returns word in lower case, in buf; empty if it is longer.
func lowerWord(buf *[maxWord]byte, word []byte) []byte {
	if len(word) > len(buf) {
		return nil
	}
	for i, c := range word {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		buf[i] = c
	}
	return buf[:len(word)]
}
