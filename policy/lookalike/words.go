package lookalike

import "strings"

// strength says what a word added to a brand tells.
type strength int

const (
	unknownWord strength = iota
	weakWord             // organisations add it themselves: group, online, uk
	strongWord           // fraud adds it: invoice, account, verify
)

// words maps the plain key of a word to its strength.
var words = func() map[string]strength {
	m := map[string]strength{}
	for word := range strings.FieldsSeq(weakWords) {
		m[foldWord(word)] = weakWord
	}
	for word := range strings.FieldsSeq(strongWords) {
		m[foldWord(word)] = strongWord
	}
	return m
}()

// strongWords are what mail fraud in English and German adds to a name:
// payment, access, urgency, delivery.
const strongWords = `
account accounts acct activate activation alert alerts auth authenticate authentication authorize
accounting accountspayable accountsreceivable
billing bill bills bonus cancel cancellation chargeback claim claims collections compliance confirm
confirmation credential credentials deposit dispute einvoice faktura fraud giftcard helpdesk
identity invoice invoices invoicing iban inkasso konto kontakt kunde kunden kundencenter kundendienst
kundenkonto kundenportal kundenservice kundensupport lieferung login logins logon mahnung mfa
notice notification notifications office365 onboarding overdue otp paiement facture passwort password
payable payables payment payments payout payroll pay portal receipt receivable receivables
rechnung rechnungen rechnungswesen recover recovery refund refunds regning register reminder remittance renew renewal
resolve reset restore review rueckerstattung secure secured security sicherheit securelogin
servicedesk signin signon signup sicher sso statement suspended suspension support
transaction transactions transfer unlock update updates upgrade urgent ueberweisung validate validation
verifizierung verification verify verified verifyaccount wallet webmail webscr zahlung zahlungen
anmeldung anmelden abrechnung bestellung buchhaltung customercare customerservice customersupport
encrypted sharefile sharepoint onedrive o365 quarantine voicemail voice
parcel paket tracking track shipment delivery zustellung zoll customs tax taxes steuer
`

// weakWords are what organisations add to their own names.
const weakWords = `
ab ag app apps aps as asia at au auto bank bb be blog br business bv ca cafe career careers center centre ch
city cloud club cn co com community company consulting corp corporate corporation data de dev digital direct
dk e education email energy engineering es eu europe event events express finance financial fr free
gbr ge germany global gmbh go group gruppe hamburg health help holding holdings home hotel hr hq in inc india
info insurance int international intl investment investments invest io it jobs jp kg lab labs leasing legal life live local
logistics london ltd mail mails management market marketing me media mobile mx my net network new news newsletter nl
nordic norge now no office official online org oy partner partners pl plus post press pro products project projects
properties promo real research ru sales sarl school se service services shop file files shops site soft software solar solutions
solution space sport sports st store student studio studios systems team tech technologies technology
the training travel tv uk us usa us vip web website wiki work works world worldwide www verein stiftung
versicherung deutschland oesterreich schweiz berlin muenchen karriere personal einkauf vertrieb werk
bewerbung hosting server smtp mx mta host dns ns cdn img static api test stage beta demo m docs
`

// commonWords are labels that other names contain for their own sake. A short
// list stands in for the popularity data that we do not ship.
var commonWords = func() map[string]bool {
	m := map[string]bool{}
	for word := range strings.FieldsSeq(strongWords + weakWords + ordinaryWords) {
		m[foldWord(word)] = true
	}
	return m
}()

const ordinaryWords = `
access action active advance advanced africa agency air alliance alpha america american angel apex arena art
asset atlantic atlas baby banking bay best better beauty bear big bike bird black blue board body book books
bridge bright broker build builder building camp canada capital car card care cars cash castle
central champion chat check chicago china choice church citizen citizens classic clean clear click clinic coast code
coffee collective college commerce commercial common commonwealth computer connect consumer control cool
core country county course craft creative credit cross crown crypto culture daily dance dating deal
deals dental design desk diamond doctor dog dollar domain dream drive eagle earth east easy eco
economy edge electric electronic elite empire engine english enterprise equity estate euro exchange expert
factory family farm farmer farmers fashion fast federal fidelity field film fire first fish fit
fitness flash flex flight flower flowers food foods football force forest forum forward foundation
france freedom fresh friend friends front fun fund funds future galaxy gallery game games gaming garden
gas gate general genius gift gifts girl girls gold golden golf good government grace grand graphic great green
ground grow guard guide guardian hand happy harbor heart heritage high hill history hit hollywood hope horizon
horse hospital host hour house housing hub human idea ideas image impact independent index industrial innovation
inside insight instant institute integrity interactive internet island japan jet journal jump junior
just kid kids king kingdom kitchen lake land language law leader learn learning legacy liberty
library light line link lion list living loan loans logic love luck lucky luxury machine magazine magic main
map maps marine mark master max meat medical medicine member memory men merchant metal metro
mind mini mission model modern moment money moon mortgage mother motion motor motors mountain movie movies music
mutual nation national native nature network nice night noble north northern nova novel ocean
oil one open optic optimal option orange order outdoor outlet oxford pacific page paper paradise
park party path peak people peoples perfect pet pets pharma phone photo photos picture pilot pink
pioneer pixel planet platform platinum play player point policy pool popular porn port power
premier premium prestige price prime print private prize profit progress prompt property public pulse pure
quality quantum quest quick radio rain rainbow ranch rapid record red regional reliable rent rental
report republic resort resource response result retail rewards rich ride right river road rock
room root rose royal run safe safety sage saving savings science screen sea search season
second select senior sense series seven share shared sharp ship shopping show signal signature silver
simple sky sleep smart snow social society source south southern spark speed spirit spot spring
stage standard star stars start state station steel step stock stone storage stories story stream
street strong style success summit sun super supply sure surf swift table talent talk target
taste taxi team ticket tickets tiger time times title today together tool tools top total touch
tour tours tower town toy toys trade trader trading tradition traffic trail train transport tree trend trend
true trust turbo turn union unique united unity universal universe university urban user valley value
vector venture ventures verde video videos view village vision vista visual vital vintage walk
wall warehouse watch water wave way wealth weather wedding west western white wild wind window wine
winner wire wise woman women wood word yacht yellow york young youth zen zero zone
`

// wordSuffix holds public suffixes that are words: check-in is no check.in.
var wordSuffix = map[string]bool{
	"am": true, "as": true, "at": true, "be": true, "by": true, "do": true, "es": true, "im": true, "in": true, "is": true,
	"it": true, "la": true, "me": true, "my": true, "no": true, "so": true, "to": true, "us": true, "app": true, "bank": true,
	"ai": true, "fm": true, "io": true, "tv": true, "cloud": true, "live": true, "news": true, "tech": true, "video": true,
	"club": true, "group": true, "one": true, "online": true, "pro": true, "shop": true, "store": true, "team": true,
}

// strengthOf rates one added word, which may be two known words or end in a
// number.
func strengthOf(word string) strength {
	folded := foldWord(word)
	if s := words[folded]; s != unknownWord {
		return s
	}
	if strings.Trim(word, "0123456789") == "" {
		return weakWord
	}
	best := unknownWord
	for cut := 1; cut < len(folded); cut++ {
		first, second := words[folded[:cut]], words[folded[cut:]]
		if first != unknownWord && second != unknownWord {
			best = max(best, first, second)
		}
	}
	return best
}

// ordinary reports a word that names of hosts and of many firms hold.
func ordinary(glyphs []glyph) bool {
	var room [maxGlyphs]byte
	return commonWords[string(folded(room[:0], glyphs))]
}

// folded appends the plain key of what is ASCII, as the words are; other letters
// make it no word.
func folded(to []byte, glyphs []glyph) []byte {
	for _, g := range glyphs {
		switch {
		case g.c == '-':
		case g.c < 0x80:
			to = append(to, byte(plainFold(g.c)))
		default:
			to = append(to, '?')
		}
	}
	return to
}
