package policy

import (
	"testing"

	"mxgate/policy/mail"
)

func TestWhichNamesAreAnOffices(t *testing.T) {
	for name, want := range map[string]bool{
		"Customer Service": true, "No-Reply": true, "Do Not Reply": true, "Accounts Payable": true, "Support Team": true, "IT Help Desk": true, "Rechnungswesen": true,
		"Anna Berg": false, "ACME Support": false, "Support Anna Berg": false, "": false, "Zählung Service": false, "-": false,
	} {
		if isOffice(name) != want {
			t.Errorf("%q", name)
		}
	}
}

// The office of one house answers as that of another does.
func TestTheNameOfAnOfficeIsNobodys(t *testing.T) {
	r := func() *remembering {
		r := correspondence()
		r.names[FoldName("Customer Service")] = []mail.Domain{"heise.de"}
		r.names[FoldName("Max Mint")] = []mail.Domain{"heise.de"}
		return r
	}
	try(t, []tried{
		{"an office", letter{from: "Customer Service <x@ganz-anders.de>", cites: "<y@example.com>", subject: "Re: Offer"}, r(), Relay, Clean},
		{"a person", letter{from: "Max Mint <x@ganz-anders.de>", cites: "<y@example.com>", subject: "Re: Offer"}, r(), Tag, Impersonated},
		{"an office of the conversation", letter{from: "Customer Service <x@ganz-anders.de>", subject: "Re: Offer", body: "\r\n-----Original Message-----\r\nFrom: Customer Service <x@heise.de>\r\nSent: Friday, 20 November 2026 10:00\r\nTo: Bob <bob@example.com>\r\nSubject: x\r\n\r\nx\r\n"}, r(), Tag, Impersonated},
	})
}
