package thread

import "testing"

// What an invitation quotes is not its author's, and what he writes is.
func TestAnInvitationIsReadAsText(t *testing.T) {
	head := "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDESCRIPTION:"
	if got := words(t, "text/calendar", head+"Please note our new bank acc\n ount\\, from today\nEND:VEVENT\n"); len(got) != 1 || got[0] != "new bank account" {
		t.Errorf("%q", got)
	}
	if got := words(t, "text/calendar", head+`See you.\n\nVon: Bob <bob@example.com>\nGesendet: Freitag\, 20. November 2026 10:00\nAn: Anna <anna@heise.de>\nBetreff: x\n\nUnsere neue Bankverbindung`+"\nEND:VEVENT\n"); len(got) != 0 {
		t.Errorf("quoted: %q", got)
	}
}
