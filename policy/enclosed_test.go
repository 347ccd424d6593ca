package policy

import "testing"

// A mail program shows what is enclosed in S/MIME and TNEF; nobody else reads it.
func TestTextThatIsEnclosedIsNotTakenForNone(t *testing.T) {
	for _, kind := range []string{"application/pkcs7-mime; smime-type=signed-data", "Application/X-PKCS7-MIME", "application/ms-tnef"} {
		fields := "MIME-Version: 1.0\r\nContent-Type: " + kind + "\r\nContent-Transfer-Encoding: base64\r\n"
		try(t, []tried{
			{"a stranger: " + kind, letter{from: "x@unrelated-firm.com", cites: stolen, fields: fields, body: "AAAA\r\n"}, correspondence(), Tag, Unscannable},
			{"a partner: " + kind, letter{from: "Anna Berg <anna@heise.de>", cites: stolen, fields: fields, body: "AAAA\r\n"}, correspondence(), Relay, Clean},
		})
	}
	alone := "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n"
	try(t, []tried{{"alone in a multipart", letter{from: "x@unrelated-firm.com", cites: stolen, fields: alone, body: "--b\r\n\r\n \r\n--b\r\nContent-Type: application/ms-tnef\r\n\r\nx\r\n--b--\r\n"}, correspondence(), Tag, Unscannable}})
	within := "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n"
	try(t, []tried{{"beside text", letter{from: "x@unrelated-firm.com", fields: within, body: "--b\r\n\r\nHello\r\n--b\r\nContent-Type: application/ms-tnef\r\n\r\nx\r\n--b--\r\n"}, correspondence(), Relay, Clean}})
}
