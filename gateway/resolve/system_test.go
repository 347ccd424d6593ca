package resolve

import (
	"fmt"
	"testing"
)

func TestParseServer(t *testing.T) {
	for in, want := range map[string]string{
		"127.0.0.1:53":        "127.0.0.1:53",
		"127.0.0.1":           "127.0.0.1:53",
		"192.0.2.1:5353":      "192.0.2.1:5353",
		"::1":                 "[::1]:53",
		"[::1]":               "[::1]:53",
		"[2001:db8::1]:5353":  "[2001:db8::1]:5353",
		"fe80::1%eth0":        "[fe80::1%eth0]:53",
		"[fe80::1%eth0]:53":   "[fe80::1%eth0]:53",
		"::ffff:192.0.2.1":    "192.0.2.1:53",
		"":                    "",
		"127.0.0.1:":          "",
		"127.0.0.1:0":         "",
		"127.0.0.1:65536":     "",
		"ns.example.com":      "",
		"ns.example.com:53":   "",
		"[::1":                "",
		" 127.0.0.1":          "",
		"udp://127.0.0.1:53":  "",
		"127.0.0.1,127.0.0.2": "",
	} {
		got, err := ParseServer(in)
		switch {
		case want == "" && err == nil:
			t.Errorf("%q: got %v, want an error", in, got)
		case want != "" && (err != nil || got.String() != want):
			t.Errorf("%q: got %v, %v, want %s", in, got, err, want)
		}
	}
}

func TestParseConf(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"one", "nameserver 127.0.0.53\n", "[127.0.0.53:53]"},
		{"others and comments", "# nameserver 192.0.2.1\n; x\nsearch example.com\noptions edns0\nnameserver\t2001:db8::1 # tail", "[[2001:db8::1]:53]"},
		{"zone", "nameserver fe80::1%eth0\r\n", "[[fe80::1%eth0]:53]"},
		{"at most three", "nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\nnameserver 192.0.2.4\n",
			"[192.0.2.1:53 192.0.2.2:53 192.0.2.3:53]"},
		{"none", "search example.com\n", ""},
		{"empty", "", ""},
		{"without address", "nameserver\n", ""},
		{"name for an address", "nameserver ns.example.com\n", ""},
	} {
		got, err := parseConf(test.text)
		switch {
		case test.want == "" && err == nil:
			t.Errorf("%s: got %v, want an error", test.name, got)
		case test.want != "" && (err != nil || fmt.Sprint(got) != test.want):
			t.Errorf("%s: got %v, %v, want %s", test.name, got, err, test.want)
		}
	}
}

func FuzzParseConf(f *testing.F) {
	f.Add("nameserver 192.0.2.1\nnameserver fe80::1%eth0\n")
	f.Fuzz(func(t *testing.T, text string) {
		servers, err := parseConf(text)
		if (err == nil) != (len(servers) > 0) || len(servers) > maxServers {
			t.Errorf("got %v, %v", servers, err)
		}
	})
}
