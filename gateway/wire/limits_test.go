package wire_test

import (
	"fmt"
	"strings"
	"testing"
)

func TestDuty_C7_Errors_S10(t *testing.T) {
	s := start(t, nil)
	c := s.open(t)
	for range 19 {
		c.send("FOO\r\n")
		c.expect("500 5.5.1")
	}
	c.mail()
	c.send(".\r\n")
	c.expect("250") // a finished transaction pays for all
	for range 20 {
		c.send("FOO\r\n")
		c.expect("500 5.5.1")
	}
	c.expect("421 4.7.0", "EOF")
}

func TestDuty_C7_Commands_S10(t *testing.T) {
	for _, command := range []string{"NOOP", "VRFY a", "HELP", "RSET", "MAIL FROM:<refuse@client.example>"} {
		t.Run(command, func(t *testing.T) {
			c := start(t, nil).open(t)
			for range 99 { // EHLO was one
				c.send(command + "\r\n")
				if got := c.line(); strings.HasPrefix(got, "421") {
					t.Fatalf("reply %q too early", got)
				}
			}
			c.send(command + "\r\n")
			c.expect("421 4.7.0", "EOF")
		})
	}
}

func TestDuty_C7_RecipientsAreNotCharged_E8(t *testing.T) {
	s := start(t, nil)
	c := s.open(t)
	c.send("MAIL FROM:<a@client.example>\r\n")
	c.expect("250")
	for i := range 100 {
		c.send(fmt.Sprintf("RCPT TO:<u%d@example.com>\r\n", i))
		c.expect("250 2.1.5")
	}
	c.send("RCPT TO:<more@example.com>\r\n")
	c.expect("452 4.5.3")
	c.send("DATA\r\n")
	c.expect("354")
	c.send("x\r\n.\r\n")
	c.expect("250")
}
