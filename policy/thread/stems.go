package thread

import (
	"slices"
	"strings"
)

// languages of the words for payment details, in the order of their bits. The
// second of a language has words that say it only with each other: "new account"
// is about money if somebody is to pay to it.
var languages = [...]string{"en", "de", "fr", "no", "da", "sv", "es", "it", "nl", "pt", "fi", "pl",
	"en2", "de2", "fr2", "no2", "da2", "sv2", "es2", "it2", "nl2", "pt2"}

// stem is the beginning of a word for a change, or for a payment detail.
type stem struct {
	text      string
	whole     bool     // the word ends there
	detail    bool     // of a payment; else a change
	both      bool     // it says all
	next      []string // stems of which one must follow within two words; nil for none
	languages uint32
}

// changes and details are lines of a language and its stems: "." ends a whole
// word, "+" joins the stem that must follow, "/" what may stand in its place.
const changes = `
en new. change changing. updat different. switched revis replac amend alternat effective+immediat from+now going+forward henceforth.
de neu. neue. neuen. neues. neuer. neuem. geander geaender ander. andern. anderung aender aktualisier umgestellt umstell gewechsel wechsel abweichend. ab+sofort mehr+aktuell/gultig/gueltig
fr nouveau. nouvel. nouvelle nouveaux. change changent changer. modifi actualis remplac
no ny. nye. nytt. endret. endrer. endres. endring endra oppdater bytte. byttet. skiftet.
da ny. nye. nyt. aendr opdater skift
sv ny. nya. nytt. andrat. andrats. andras. andrade. andring uppdater bytt
es nuev cambi modific actualiz distint
it nuov cambi modific aggiorn variat variazion
nl nieuw gewijzigd wijzig verander aangepast
pt novo. nova. novos. novas. alter mudou. mudan mudar atualiz actualiz modific
fi uusi. uude uudet. muuttu vaihtu vaihda
en2 new+account old+account different+account subsidiary+account longer+accept
de2 neues+konto neue+konto neuem+konto anderes+konto altes+konto alte+konto
fr2 nouveau+compte ancien+compte autre+compte
no2 ny+konto nytt+konto annen+konto gamle+konto
da2 ny+konto anden+konto gamle+konto
sv2 nytt+konto annat+konto gamla+konto
es2 nueva+cuenta otra+cuenta antigua+cuenta
it2 nuovo+conto altro+conto vecchio+conto
nl2 nieuwe+rekening andere+rekening oude+rekening
pt2 nova+conta outra+conta antiga+conta
pl nowy. nowa. nowe. nowego. nowej. nowemu. nowym. nowych. nowymi. zmian zmien zaktualiz`

const details = `
en bank+account/detail/info/data/coord/instruct banking+detail/info/data/instruct/coord account+number/detail/info payment+detail/instruct remittance+detail/instruct/info/address wire+instruct/detail beneficiary. iban. sort+code routing+number wallet+address bitcoin+address/wallet ach+account/detail/routing/instruct/payment
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
en2 remit remitt wire. wired. wiring. ach. payment+to hold+payment
de2 uberweis ueberweis bezahl zahlung geschlossen.
fr2 virement virer. regler. reglement paiement cloture
no2 betal innbetal overfor avsluttet.
da2 betal indbetal overfor lukket.
sv2 betal inbetal overfor avslutat.
es2 transfer pago. pagos. pagar. ingres
it2 bonific pagament versament chiuso.
nl2 betal betaling overmak overschrijv
pt2 transfer pagament
pl numer+konta/rachunk rachunek+bankow rachunku+bankow konto+bankow dane+bankow iban.`

// alone are such that say both.
const alone = `
en changed+bank changing+bank switched+bank bank+changed disregard+account
de bank+gewechselt hausbank+gewechselt bankverbindungswechsel. bankwechsel. kontowechsel.
fr change+banque changeons+banque changement+banque
no byttet+bank bytter+bank bankbytte. konto+stedet
da skiftet+bank skifter+bank bankskift. konto+stedet
sv bytt+bank bytter+bank bankbyte.
es cambiado+banco cambiamos+banco cambio+banco
it cambiato+banca cambiamo+banca cambio+banca
nl bank+veranderd bank+gewisseld bank+overgestapt
pt mudamos+banco mudado+banco mudanca+banco`

const maxWord = 32

// stems by the first letters of the word.
var stems = func() map[uint16][]stem {
	byText := map[string]*stem{}
	for i, list := range []string{changes, details, alone} {
		for line := range strings.Lines(list) {
			words := strings.Fields(line)
			if len(words) == 0 {
				continue
			}
			for _, word := range words[1:] {
				key := word
				if i == 2 {
					key += "!" // it may stand in another list, too
				}
				st := byText[key]
				if st == nil {
					st = &stem{text: strings.TrimSuffix(word, "."), whole: strings.HasSuffix(word, "."), detail: i == 1, both: i == 2}
					if first, next, ok := strings.Cut(word, "+"); ok {
						st.text, st.next = first, strings.Split(next, "/")
					}
					byText[key] = st
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
