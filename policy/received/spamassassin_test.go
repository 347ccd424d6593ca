package received_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"mxgate/policy/corpustest"
	"mxgate/policy/received"
)

// notAsSpamAssassin lists, by a part of the field that is in no other one,
// what we read in another way than SpamAssassin, and why.
var notAsSpamAssassin = map[string]string{
	"by mx.laposte.net (7.0": "only the version tells that Critical Path writes the reverse name first; without certainty a HELO must not pass for a confirmed name",
	"by mail.gmx.net (mp033": "that an mpNNN host takes authenticated mail only is knowledge about one operator, and Auth decides nothing",
}

// TestSpamAssassinsReceivedFields compares with what SpamAssassin reads. Its
// auth is compared as a fact only: it holds SpamAssassin's names for methods.
func TestSpamAssassinsReceivedFields(t *testing.T) {
	f, err := os.Open(corpustest.Path(t, "received/spamassassin-rcvd-parser.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	passed, total := 0, 0
	used := map[string]bool{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var row struct {
			Received string
			Skip     bool
			Expect   struct{ IP, RDNS, Helo, By, ID, Auth, EnvFrom, Ident string }
		}
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			t.Fatal(err)
		}
		total++
		h := received.Parse(row.Received)
		miss := ""
		if row.Skip {
			if h.Kind == received.SMTP {
				miss = "is no network hop there, client " + h.IP.String() + " here"
			}
		} else {
			miss = difference(h, map[string]string{
				"ip": row.Expect.IP, "rdns": row.Expect.RDNS, "helo": literal(row.Expect.Helo), "by": row.Expect.By, "id": row.Expect.ID,
				"auth": fmt.Sprint(row.Expect.Auth != ""), "envfrom": row.Expect.EnvFrom, "ident": row.Expect.Ident,
			})
		}
		reason, listed := "", false
		for part, why := range notAsSpamAssassin {
			if strings.Contains(row.Received, part) {
				reason, listed = why, true
				used[part] = true
			}
		}
		switch {
		case miss == "" && listed:
			t.Errorf("listed as a difference, but there is none: %s", row.Received)
		case miss == "":
			passed++
		case listed:
			t.Logf("not passed: %s: %s\n\t%s", miss, reason, row.Received)
		default:
			t.Errorf("%s\n\t%s", miss, row.Received)
		}
	}
	for part := range notAsSpamAssassin {
		if !used[part] {
			t.Errorf("listed, but in no field: %s", part)
		}
	}
	t.Logf("suite: Received, SpamAssassin parser | passed %d | of %d | argued %d", passed, total, len(used))
}

// literal undoes SpamAssassin's writing of brackets in a HELO.
func literal(helo string) string {
	if len(helo) > 1 && helo[0] == '!' && helo[len(helo)-1] == '!' {
		return "[" + helo[1:len(helo)-1] + "]"
	}
	return helo
}

// difference names the first field in which h is not as wanted.
func difference(h received.Hop, want map[string]string) string {
	ip := ""
	if h.IP.IsValid() {
		ip = h.IP.String()
	}
	got := map[string]string{"ip": ip, "rdns": h.RDNS, "helo": h.Helo, "by": h.By, "id": h.ID, "auth": fmt.Sprint(h.Auth), "envfrom": h.EnvFrom, "ident": h.Ident}
	var all []string
	for _, key := range []string{"ip", "rdns", "helo", "by", "id", "auth", "envfrom", "ident"} {
		if got[key] != want[key] {
			all = append(all, fmt.Sprintf("%s %q, want %q", key, got[key], want[key]))
		}
	}
	return strings.Join(all, "; ")
}
