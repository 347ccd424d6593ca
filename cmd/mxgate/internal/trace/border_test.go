package trace

import (
	"strings"
	"testing"
)

// A peer in the ranges of a source is that source, though no one on the Internet
// could have its address: appliances stand in the DMZ, proxies on the same machine.
func TestAPeerInTheRangesOfASourceIsThatSource(t *testing.T) {
	const side = `
networks = ["10.0.0.0/8"]
[[domain]]
name = "example.com"
[[source]]
name = "old appliance"
provider = "barracuda-appliance"
received_by = ["filter.example.net"]
ranges = ["10.1.2.4", "203.0.113.4"]
valid_until = 2025-12-31
[[source]]
name = "appliance"
provider = "barracuda-appliance"
received_by = ["filter.example.net"]
ranges = ["10.1.2.3", "127.0.0.10", "203.0.113.5", "fd00::5", "10.3.0.0/16"]
valid_from = 2025-12-20
`
	below := "Received: from mail.sender.example (mail.sender.example [203.0.113.166]) by filter.example.net with ESMTP id 1; " + early + "\r\n"
	round := func(ip string) string {
		return "Received: from localhost (localhost [" + ip + "])\r\n\tby mx.example.com (Postfix) with ESMTP id 4AbC; " + nov26 + "\r\n"
	}
	gate := func(ip string) string {
		return "Received: from filter.example.net (filter.example.net [" + ip + "])\r\n\tby mx2.example.com (mxgate) with ESMTPS id 4AbC; " + nov26 + "\r\n"
	}
	for _, c := range []struct {
		name, networks, header string
		verdict                Verdict
		client                 string
	}{
		{"private", "", own("10.1.2.3", nov26) + below, ViaCurrent, "203.0.113.166"},
		{"loopback", "", own("127.0.0.10", nov26) + below, ViaCurrent, "203.0.113.166"},
		{"unique local", "", own("IPv6:fd00::5", nov26) + below, ViaCurrent, "203.0.113.166"},
		{"behind a store of ours", "", inner + own("10.1.2.3", nov26) + below, ViaCurrent, "203.0.113.166"},
		{"round through a filter of ours on the same machine", "", round("127.0.0.10") + own("127.0.0.10", nov26) + below, ViaCurrent, "203.0.113.166"},
		{"left", "", own("10.1.2.4", nov26) + below, ViaOld, "203.0.113.166"},
		{"before its first day", "", own("10.1.2.3", "Sun, 2 Nov 2014 09:00:00 +0000") + below, Undetermined, ""},
		{"not the one", "", own("10.1.2.9", nov26) + below, Undetermined, ""},
		{"named as ours more exactly", `networks = ["10.3.3.0/24"]`, own("10.3.3.3", nov26) + below, Undetermined, ""},
		{"at a gateway that tells the next server", "", own("203.0.113.5", nov26) + gate("203.0.113.5") + below, ViaCurrent, "203.0.113.166"},
		{"somebody who writes as a gateway does", "", own("203.0.113.99", nov26) + gate("203.0.113.99") + gate("203.0.113.5") + below, Direct, "203.0.113.99"},
		{"somebody who writes as a gateway that told", "", own("203.0.113.99", nov26) + gate("203.0.113.5") + gate("203.0.113.5") + below, Direct, "203.0.113.99"},
		{"with a name of ours", "", ownFrom("filter.example.com", "filter.example.com", "203.0.113.5", nov26) + below, ViaCurrent, "203.0.113.166"},
		{"left, and ours by its verified name", "", ownFrom("mx2.example.com", "mx2.example.com", "203.0.113.4", nov26) +
			"Received: from x (unknown [10.1.2.3]) by mx2.example.com (Postfix) with ESMTP id 55555; " + nov26 + "\r\n" + below, ViaCurrent, "203.0.113.166"},
	} {
		config := side
		if c.networks != "" {
			config = strings.Replace(side, `networks = ["10.0.0.0/8"]`, c.networks, 1)
		}
		got, err := tracer(t, config, Options{}).Trace(t.Context(), Input{Content: []byte(c.header + rest)})
		if err != nil {
			t.Fatal(err)
		}
		client := ""
		if got.Client != nil {
			client = got.Client.IP
		}
		if got.Verdict != c.verdict || client != c.client {
			t.Errorf("%s: %s, client %q; want %s, %q: %s", c.name, got.Verdict, client, c.verdict, c.client, got.Why)
		}
		if c.verdict == ViaCurrent && (got.Source != "appliance" || got.Confidence < 85) {
			t.Errorf("%s: %q, %d", c.name, got.Source, got.Confidence)
		}
	}
}
