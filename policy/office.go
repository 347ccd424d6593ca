package policy

import "strings"

// offices are the words of names that belong to an office and to nobody: many houses
// have one of the same name.
var offices = func() map[string]bool {
	m := map[string]bool{}
	for word := range strings.FieldsSeq(`
		customer customers client service services support team desk help helpdesk care sales account accounts accounting payable receivable
		billing invoice invoices payment payments finance office admin administrator administration webmaster postmaster mailer daemon no do not reply
		noreply donotreply info information notification notifications newsletter news marketing hr human resources order orders ordering shop store
		contact booking reservations reservation shipping logistics purchasing procurement it
		kundenservice kundendienst kundenbetreuung service buchhaltung finanzbuchhaltung vertrieb einkauf verkauf rechnung rechnungen
		rechnungswesen bestellung bestellungen versand personalabteilung sekretariat zentrale nicht antworten
		comptabilite facturation commande commandes clients ventes achats accueil ne pas repondre`) {
		m[word] = true
	}
	return m
}()

// isOffice reports whether nothing of a display name is anybody's own.
func isOffice(display string) bool {
	words := strings.FieldsFunc(strings.ToLower(display), func(c rune) bool { return !(c >= 'a' && c <= 'z') && c < 0x80 })
	for _, w := range words {
		if !offices[w] {
			return false
		}
	}
	return len(words) > 0
}
