package thread

import (
	"strings"
	"testing"
)

// words reads the words for changed payment details in a message of one part.
func words(t testing.TB, kind, text string) []string {
	t.Helper()
	return PaymentWords(message(t, "From: a@author.example\nContent-Type: "+kind+"; charset=utf-8\n\n"+text))
}

// checkWords says what is true of all words that are found.
func checkWords(t *testing.T, found []string) {
	t.Helper()
	if len(found) > MaxPayment {
		t.Errorf("%d: %q", len(found), found)
	}
	for _, words := range found {
		if strings.Trim(words, "abcdefghijklmnopqrstuvwxyz ") != "" || len(words) > 2*maxPhrase+1 {
			t.Errorf("%q", words)
		}
	}
}

func TestWordsForChangedPaymentDetails(t *testing.T) {
	for text, want := range map[string]string{
		"Please note our new bank account.":                                     "new bank account",
		"Our bank details have changed.":                                        "bank details changed",
		"We have UPDATED our banking  information":                              "updated banking information",
		"the account number is different":                                       "account number different",
		"Please find the revised wire instructions":                             "revised wire instructions",
		"Our new IBAN is":                                                       "new iban",
		"From now on please remit to our bank account":                          "from now bank account",
		"Effective immediately all payments go to: sort code 20-00-00":          "effective immediately sort code",
		"Going forward, send USDT to our wallet address":                        "going forward wallet address",
		"Bitte beachten Sie unsere neue Bankverbindung":                         "neue bankverbindung",
		"Unsere Bankverbindung hat sich geändert":                               "bankverbindung geandert",
		"Unsere Kontodaten haben sich geaendert":                                "kontodaten geaendert",
		"Notre nouveau RIB est joint":                                           "nouveau rib",
		"Nos coordonnées bancaires ont changé":                                  "coordonnees bancaires change",
		"Vi har fått nytt kontonummer":                                          "nytt kontonummer",
		"Vi har endret bankforbindelse":                                         "endret bankforbindelse",
		"Vores bankoplysninger er ændret":                                       "bankoplysninger aendret",
		"Vi har ändrat våra bankuppgifter":                                      "andrat bankuppgifter",
		"Hemos cambiado nuestra cuenta bancaria":                                "cambiado cuenta bancaria",
		"Le nostre nuove coordinate bancarie":                                   "nuove coordinate bancarie",
		"Ons rekeningnummer is gewijzigd":                                       "rekeningnummer gewijzigd",
		"Os nossos dados bancários mudaram":                                     "dados bancarios mudaram",
		"We have changed banks.":                                                "changed banks",
		"Our bank has changed":                                                  "bank has changed",
		"Please remit payment to our new account.":                              "payment to new account",
		"please wire to our subsidiary's account":                               "wire subsidiary s account",
		"Please hold payment to the old account until further notice.":          "payment to old account",
		"We no longer accept checks; ACH only: routing 021000021":               "longer accept ach",
		"the updated sort code is":                                              "updated sort code",
		"Please disregard the account on the invoice":                           "disregard the account",
		"Bitte überweisen Sie auf unser neues Konto.":                           "uberweisen neues konto",
		"Wir haben die Bank gewechselt.":                                        "bank gewechselt",
		"Bitte verwenden Sie ab sofort die folgende Kontoverbindung.":           "ab sofort kontoverbindung",
		"Die Kontodaten auf der Rechnung sind nicht mehr aktuell.":              "kontodaten mehr aktuell",
		"Unser altes Konto ist geschlossen":                                     "altes konto geschlossen",
		"Nous avons changé de banque.":                                          "change de banque",
		"Merci d'effectuer le virement sur le nouveau compte.":                  "virement nouveau compte",
		"Notre ancien compte est clôturé.":                                      "ancien compte cloture",
		"Vi har byttet bank.":                                                   "byttet bank",
		"Vennligst betal til ny konto.":                                         "betal ny konto",
		"Betal til følgende konto i stedet":                                     "konto i stedet",
		"Hemos cambiado de banco":                                               "cambiado de banco",
		"Bonificare sul nuovo conto":                                            "bonificare nuovo conto",
		"Create a new account. Your account has changed. The old account":       "",
		"Please pay now. IBAN below, ask Andreas or Endre for the IBAN":         "",
		"Ihr neues Konto ist bereit, jetzt anmelden":                            "",
		"A payment method of your own, and remit within 30 days":                "",
		"Sort code 20-00-00, account number 12345678":                           "",
		"Our n\u200bew b\u00adank acc\u043eunt":                                 "new bank account",
		"𝐍𝐞𝐰 𝐛𝐚𝐧𝐤 𝐝𝐞𝐭𝐚𝐢𝐥𝐬":                                                      "new bank details",
		"our ne\u0323w ban\u0323k account":                                      "new bank account",
		"new\nbank\naccount":                                                    "new bank account",
		"A new car. Open a bank today.":                                         "",
		"The news: our bank and an account":                                     "bank",
		"newer bank account, news, newly":                                       "",
		"new friends\n\nbank account":                                           "",
		"new a b c d e f g h i bank account":                                    "",
		"Please pay now, IBAN DE89 3704 0044 0532 0130 00":                      "",
		"Nowadays an IBAN will do":                                              "",
		"Nasz nowy numer konta":                                                 "nowy numer konta",
		"Prosimy o wpłatę na nową IBAN":                                         "nowa iban",
		"nytt bank account":                                                     "",
		"Thanks, the invoice is attached, regards. New prices from next month.": "",
	} {
		if got := strings.Join(words(t, "text/plain", text+"\n"), "; "); got != want && !(want == "bank" && got == "") {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if got := words(t, "text/plain", "Hi\n\nFrom: a@b.example\nSent: 1\nTo: c@d.example\n\nOur new bank account\n"); len(got) != 0 {
		t.Errorf("quoted words: %q", got)
	}
	if got := words(t, "text/html", "<div style='display:none'>From: a@b.example<br>Sent: 1<br>Subject: x</div><p>Our new bank account</p>"); len(got) != 1 {
		t.Errorf("below a hidden header: %q", got)
	}
	all := "new iban\n\nnew beneficiary\n\nnew bank details\n\nnew bank account\n\nupdated iban\n\nnew iban\n"
	if got := words(t, "text/plain", all); len(got) != MaxPayment {
		t.Errorf("%q", got)
	}
}
