package relay

import (
	"context"
	"net"
	"strings"
	"testing"

	"mxgate/gateway/smtptest"
	"mxgate/policy/mail"
)

// cutting ends a context as a reply arrives.
type cutting struct {
	net.Conn
	reply string
	end   func()
}

func (c *cutting) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if strings.Contains(string(p[:n]), c.reply) {
		c.end()
	}
	return n, err
}

// A caller whose time ends as the reply comes gets a failure: the connection is gone.
func TestTheTimeEndsAsTheReplyArrives(t *testing.T) {
	for _, code := range []string{"550", "354"} {
		t.Run(code, func(t *testing.T) {
			s := sinkWith(t, smtptest.Options{Extensions: []string{"SIZE"}, Reply: func(verb, _ string) (string, bool) {
				return "550 5.1.1 no such user", verb == "RCPT" && code == "550"
			}})
			ctx, end := context.WithCancel(t.Context())
			defer end()
			p := pool(t, func(c *Config) {
				c.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
					nc, err := new(net.Dialer).DialContext(ctx, network, addr)
					return &cutting{nc, code, end}, err
				}
			})
			d, err := p.Open(t.Context(), routeTo(s.Addr().String()), mail.Client{}, envelope(t))
			if err != nil {
				t.Fatal(err)
			}
			defer d.Abort()
			_, err = d.Rcpt(ctx, address(t, "b@example.net"), noDSN)
			if code == "354" {
				if err != nil {
					t.Fatal(err)
				}
				_, err = d.Send(ctx, text(content))
			}
			wantClass(t, err, Lost)
		})
	}
}
