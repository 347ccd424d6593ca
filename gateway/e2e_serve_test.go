package gateway

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"mxgate/gateway/config"
	"mxgate/gateway/relay"
)

// Two gateways on one directory would remove each other's spool files.
func TestASecondGatewayOnTheSameDirectoryIsRefused(t *testing.T) {
	g := newStage(t, script{})
	_, err := New(g.cfg, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "another mxgate serves from it") || !strings.Contains(err.Error(), "data_dir") {
		t.Errorf("New: %v", err)
	}
	g.end()
	again, err := New(g.cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatalf("the lock outlives its gateway: %v", err)
	}
	again.close()
}

// A next hop that is the gateway itself would send each message round for ever.
func TestANextHopThatIsTheGatewayIsNotUsed(t *testing.T) {
	g := newFaultStage(t, script{}, func(s *Server) {
		own := s.Addrs()[0].String()
		s.cfg.Routes["example.com"] = &relay.Route{Name: own, Hosts: []string{own}}
	})
	reply := g.deliver(partner, []string{bob}, cleanMail())
	g.wantReply(reply, "451 4.3.5")
	g.wantNothingMoved()
}

func TestWhatIsOutOfReachIsNamed(t *testing.T) {
	g := newStage(t, script{})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if problems := CheckReachable(ctx, g.cfg); len(problems) > 0 {
		t.Errorf("all is well, but: %v", problems)
	}
	g.sink.Close()
	g.dns.Close()
	cfg := *g.cfg
	cfg.DataDir = "/nonexistent/parent/data"
	cfg.Sockets = []config.Socket{{Address: "[::]:25"}, {Address: "192.0.2.99:25"}, {Systemd: "smtp"}}
	problems := CheckReachable(ctx, &cfg)
	got := (&config.Error{File: "stage.toml", Problems: problems}).Error()
	for _, want := range []string{"data_dir", "/nonexistent/parent", "listener[1].address = \"192.0.2.99:25\": this machine does not have the address", "dns.servers", "domain[0].next_hop", "until then mail"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not named in:\n%s", want, got)
		}
	}
	if strings.Contains(got, "listener[0]") || strings.Contains(got, "listener[2]") {
		t.Errorf("more than one address is amiss:\n%s", got)
	}
}
