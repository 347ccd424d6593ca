// Package probe asks from where it runs whether a mail server takes mail from
// a stranger, so that the way around the provider is found before others use it.
//
// It greets, names a reverse-path and recipients (EHLO, MAIL, RCPT), and takes
// them back (RSET, QUIT). It never says DATA: no message is sent, and a server that
// refuses strangers only after DATA looks open. It asks only hosts and recipients
// that the operator's configuration names, one connection at a time, with a pause
// between them. The MX hosts of the operator's domains are greeted and left, for
// comparison: only a network that lets us reach them can tell that another host
// does not answer. So silence is judged last, when all have been asked.
//
// In doubt the verdict is never one of those that let people sleep: a refusal that
// is about the mailbox, the name we give or the reputation of our address is
// Unclear, and silence without a comparison is Unknown.
//
// RFC 5321, Sections 3.1, 3.3, 4.1.1, 4.2 and 4.5.1; RFC 3207 (STARTTLS), RFC 3463
// (enhanced codes), RFC 8314, Section 3.3 (port 465). Left out: AUTH, for a stranger
// has no password, and finding other hosts than those given.
package probe
