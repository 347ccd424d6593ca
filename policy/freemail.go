package policy

import (
	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
)

// FreeMail reports whether anybody can have a mailbox at d: to know one is not to
// know the others.
func FreeMail(d mail.Domain) bool { return freeMail[lookalike.Registrable(d)] }

// freeMail lists domains under which anybody can have a mailbox. Who writes from
// there is known by his address and not by the domain: it is nobody's party, it
// is not new, and its signature proves no owner. Among themselves they resemble
// each other (mail.com, gmail.com), and not by intent.
//
// It is meant to be short: the providers that most people write from. Others are
// judged as any domain is.
var freeMail = func() map[mail.Domain]bool {
	m := map[mail.Domain]bool{}
	for _, d := range []mail.Domain{
		"gmail.com", "googlemail.com",
		"outlook.com", "outlook.de", "outlook.fr", "outlook.es", "outlook.it", "hotmail.com", "hotmail.co.uk", "hotmail.de", "hotmail.fr", "hotmail.es", "hotmail.it", "hotmail.nl",
		"live.com", "live.no", "live.nl", "live.fr", "live.co.uk", "msn.com", "passport.com",
		"yahoo.com", "yahoo.de", "yahoo.fr", "yahoo.es", "yahoo.it", "yahoo.co.uk", "yahoo.co.jp", "yahoo.co.in", "yahoo.com.br", "ymail.com", "rocketmail.com", "aol.com", "aol.de",
		"icloud.com", "me.com", "mac.com",
		"gmx.de", "gmx.net", "gmx.at", "gmx.ch", "gmx.com", "gmx.fr", "web.de", "freenet.de", "t-online.de", "arcor.de", "mailbox.org", "posteo.de", "email.de", "mail.de",
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
	return m
}()
