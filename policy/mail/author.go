package mail

// Author is what the From field says, RFC 5322, Section 3.6.2.
type Author struct {
	Address    Address  // the only author; zero if Ambiguous is set
	Display    string   // display name of Address, decoded
	Candidates []Domain // every domain a mail client could show as the author's, in order, without repeats
	Ambiguous  string   // why there is not exactly one author domain; "" if there is
}
