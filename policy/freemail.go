package policy

import (
	"strings"

	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
)

// FreeMail reports whether anybody can have a mailbox at d: to know one is not to
// know the others.
func FreeMail(d mail.Domain) bool { return freeMail[lookalike.Registrable(d)] }

// anybodys reports whether the author, of that registrable domain, has a free mailbox and
// claims to be somebody of a conversation who has one there, too: it may be another one.
// Whose mailbox was whose is not remembered.
func (t *Thread) anybodys(author mail.Domain) bool {
	return freeMail[author] && (t.Twin || t.Known != nil && t.Known.TookPart)
}

// mailbox is a local part as services take it that know no dots in one, and nothing
// behind a plus.
func mailbox(a mail.Address) string {
	local, _, _ := strings.Cut(strings.ToLower(a.Local), "+")
	return strings.ReplaceAll(local, ".", "")
}

// freeMail lists domains under which anybody can have a mailbox. Who writes from
// there is known by his address and not by the domain: it is nobody's party, it
// is not new, and its signature proves no owner. Among themselves they resemble
// each other (mail.com, gmail.com), and not by intent.
//
// It is meant to be short: the providers that most people write from, with those
// of each country. Others are judged as any domain is.
var freeMail = func() map[mail.Domain]bool {
	m := map[mail.Domain]bool{}
	for _, d := range []mail.Domain{
		"gmail.com", "googlemail.com",
		"msn.com", "passport.com", "windowslive.com", "ymail.com", "rocketmail.com",
		"icloud.com", "me.com", "mac.com",
		"gmx.net", "gmx.org", "gmx.info", "gmx.eu", "gmx.li", "web.de", "freenet.de", "t-online.de", "arcor.de", "mailbox.org", "posteo.de", "email.de", "mail.de",
		"mail.com", "email.com", "usa.com", "inbox.com", "fastmail.com", "fastmail.fm", "hushmail.com", "zoho.com", "zohomail.com", "zohomail.eu",
		"proton.me", "protonmail.com", "protonmail.ch", "pm.me", "tutanota.com", "tutanota.de", "tuta.io", "tuta.com",
		"orange.fr", "wanadoo.fr", "free.fr", "laposte.net", "sfr.fr", "neuf.fr", "bbox.fr",
		"libero.it", "virgilio.it", "tiscali.it", "alice.it", "tin.it",
		"online.no", "bluewin.ch", "hispeed.ch", "sunrise.ch", "aon.at", "chello.at",
		"ziggo.nl", "kpnmail.nl", "planet.nl", "xs4all.nl", "home.nl", "telenet.be", "skynet.be",
		"comcast.net", "verizon.net", "att.net", "sbcglobal.net", "bellsouth.net", "cox.net", "charter.net", "earthlink.net", "btinternet.com", "sky.com", "talktalk.net", "virginmedia.com", "ntlworld.com",
		"seznam.cz", "centrum.cz", "wp.pl", "o2.pl", "onet.pl", "interia.pl", "mail.ru", "bk.ru", "list.ru", "inbox.ru", "yandex.ru", "yandex.com", "rambler.ru", "ukr.net",
		"qq.com", "163.com", "126.com", "sina.com", "foxmail.com", "naver.com", "daum.net", "hanmail.net", "rediffmail.com", "uol.com.br", "bol.com.br", "terra.com.br",
	} {
		m[d] = true
	}
	for _, brand := range []string{"hotmail", "outlook", "live", "yahoo", "aol", "gmx"} {
		for suffix := range strings.FieldsSeq(countries) {
			m[mail.Domain(brand+"."+suffix)] = true
		}
	}
	return m
}()

// countries are the suffixes under which the few providers serve mail that have a
// domain for most countries. Under suffixes that are no country's the same label
// may be anybody's; where it is under one of these, nothing is won by it that a
// mailbox at the provider would not give.
const countries = `com
	at be bg ca ch cl cn cz de dk ee es fi fr gr hr hu ie in it jp kr lt lv mx my nl no ph pl pt ro rs ru sa se sg si sk tr tw ua us vn
	co.id co.il co.in co.jp co.kr co.nz co.th co.uk co.za
	com.ar com.au com.br com.cn com.co com.gr com.hk com.mx com.my com.pe com.ph com.pt com.sg com.tr com.tw com.ua com.ve com.vn`
