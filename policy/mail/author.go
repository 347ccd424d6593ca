package mail

// Author is what the From field says, RFC 5322, Section 3.6.2.
type Author struct {
	Address    Address  // the only author; zero if Ambiguous is set
	Display    string   // display name of Address, decoded
	Names      []string // the other names that From shows: of further mailboxes, of groups, before an unquoted comma
	Candidates []Domain // every domain a mail client could show as the author's, in order, without repeats
	Ambiguous  string   // why there is not exactly one author domain; "" if there is

	// What Sender and Resent-From fields show and From does not: at most
	// maxCandidates domains each. They are nobody's author to DMARC, but mail
	// clients show them ("on behalf of"), and some do so in place of From.
	// Lists and forwarders set them; differing is no fault.
	Sender     []Domain
	ResentFrom []Domain
	Unread     string // "Sender" or "Resent-From" if these fields show more than could be read; "" if not
}
