package thread

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mxgate/policy/corpustest"
	"mxgate/policy/mail"
)

// readCorpus reads all messages of a directory of real mail.
func readCorpus(t *testing.T, dir string, each func(name string, m *mail.Message, c Conversation)) {
	files, err := filepath.Glob(filepath.Join(corpustest.Path(t, dir), "*.eml"))
	if err != nil || len(files) == 0 {
		t.Fatal(len(files), err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		m, err := mail.ParseMessage(bytes.NewReader(raw), int64(len(raw)))
		if err != nil {
			t.Fatal(file, err)
		}
		c := Read(m)
		check(t, c)
		each(filepath.Base(file), m, c)
	}
}

// quoted counts the parties that c shows in what it quotes.
func quoted(c Conversation) (n int) {
	for _, p := range c.Parties {
		if strings.HasPrefix(string(p.Where), "quoted") {
			n++
		}
	}
	return n
}

// Real honest mail, 58 threads in it: what says that it is an answer is known as
// one, nearly nothing else is, and nothing of it is about accounts.
func TestRealThreadsAreRead(t *testing.T) {
	replies, quoting, parties, all := 0, 0, 0, 0
	readCorpus(t, "mail/ham", func(name string, m *mail.Message, c Conversation) {
		all++
		if (m.First("References") != "" || m.First("In-Reply-To") != "") && !c.Reply {
			t.Errorf("%s: no reply", name)
		}
		if words := PaymentWords(m); len(words)+len(c.Accounts)+len(c.QuotedAccounts) > 0 || c.Unread != "" {
			t.Errorf("%s: payment %q, accounts %q %q, unread %q", name, words, c.Accounts, c.QuotedAccounts, c.Unread)
		}
		if c.Reply {
			replies++
		}
		if n := quoted(c); n > 0 {
			quoting++
			parties += n
		}
	})
	if quoting < 65 {
		t.Errorf("%d messages quote somebody", quoting)
	}
	t.Logf("%d messages: %d replies, %d show %d quoted parties", all, replies, quoting, parties)
}

func TestRealPhishingIsRead(t *testing.T) {
	replies, quoting, payment, all := 0, 0, 0, 0
	readCorpus(t, "mail/phish", func(_ string, m *mail.Message, c Conversation) {
		all++
		if c.Reply {
			replies++
		}
		if quoted(c) > 0 {
			quoting++
		}
		if len(PaymentWords(m)) > 0 {
			payment++
		}
	})
	t.Logf("%d messages: %d replies, %d with quoted parties, %d with words for changed payment details", all, replies, quoting, payment)
}

// What breaks mail programs breaks nothing here.
func TestOddMessagesAreRead(t *testing.T) {
	err := filepath.WalkDir(corpustest.Path(t, "mime"), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if m, err := mail.ParseMessage(bytes.NewReader(raw), int64(len(raw))); err == nil {
			check(t, Read(m))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
