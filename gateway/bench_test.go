package gateway

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"mxgate/gateway/config"
	"mxgate/gateway/memory"
	"mxgate/gateway/resolve/dnstest"
	"mxgate/gateway/smtptest"
	"mxgate/policy/dns"
)

// BenchmarkDeliver sends signed messages over one connection, all checks on:
// client, gateway, next hop and resolver share this process. Each message answers
// the one before it, so that the memory has one conversation to ask and to learn.
func BenchmarkDeliver(b *testing.B) {
	for _, size := range []int{4 << 10, 100 << 10} {
		b.Run(fmt.Sprintf("%dKB", size>>10), func(b *testing.B) { benchmarkDeliver(b, size, "") })
	}
	b.Run("4KB/without-memory", func(b *testing.B) { benchmarkDeliver(b, 4<<10, "[memory]\nenabled = false\n") })
}

func benchmarkDeliver(b *testing.B, size int, tail string) {
	message, zone := signedMessage(b, size)
	resolver, err := dnstest.Serve("127.0.0.1:0", dns.MustSnapshot(b, zone))
	if err != nil {
		b.Fatal(err)
	}
	defer resolver.Close()
	sink, err := smtptest.Start("127.0.0.1:0", smtptest.Options{Discard: true})
	if err != nil {
		b.Fatal(err)
	}
	defer sink.Close()
	text := stageConfig(script{dataDir: b.TempDir(), tail: tail}, sink.Addr().String(), resolver.Addr().String())
	cfg, err := config.Parse("bench.toml", []byte(text))
	if err != nil {
		b.Fatal(err)
	}
	server, err := New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx) }() // ends with stop below
	defer func() {
		stop()
		if err := <-served; err != nil {
			b.Error(err)
		}
	}()
	if m := server.Memory(); m != nil { // of a stranger little is learned in a day
		if _, err := m.Import(ctx, []memory.Imported{{Domain: "partner.example", Established: true}}); err != nil {
			b.Fatal(err)
		}
	}
	conn, err := net.Dial("tcp", server.Addrs()[0].String())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	dialogue(b, conn, message)
	if sink.Count() != b.N {
		b.Fatalf("%d messages sent, %d at the next hop", b.N, sink.Count())
	}
}

func dialogue(b *testing.B, conn net.Conn, message []byte) {
	r := bufio.NewReader(conn)
	expect := func(code string) {
		for {
			line, err := r.ReadString('\n')
			if err != nil || !strings.HasPrefix(line, code) {
				b.Fatalf("%q, %v, want %s", line, err, code)
			}
			if line[3] == ' ' {
				return
			}
		}
	}
	say := func(text string) {
		if _, err := conn.Write([]byte(text)); err != nil {
			b.Fatal(err)
		}
	}
	expect("220")
	say("EHLO mx1.provider.example\r\n")
	expect("250")
	b.SetBytes(int64(len(message)))
	b.ReportAllocs()
	before, n := cpuUsed(b), 0
	for b.Loop() {
		n++
		content := fmt.Sprintf("Message-ID: <%d@partner.example>\r\nReferences: <b%[2]d@example.com> <%[2]d@partner.example>\r\n%s.\r\n", n, n-1, message)
		say("MAIL FROM:<a@partner.example>\r\nRCPT TO:<bob@example.com>\r\nDATA\r\n")
		expect("250")
		expect("250")
		expect("354")
		say(content)
		expect("250")
	}
	b.ReportMetric(float64((cpuUsed(b)-before).Microseconds())/float64(n), "cpu-us/op")
}

// cpuUsed is the processor time of this process, which tells more than the time of
// a message: what is learned is learned after the answer.
func cpuUsed(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// signedMessage returns a message as the provider hands it over, and the zone
// that proves it.
func signedMessage(b *testing.B, size int) ([]byte, string) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		b.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		b.Fatal(err)
	}
	text := "From: a@partner.example\r\nTo: bob@example.com\r\nSubject: x\r\nDate: Sun, 22 Nov 2026 09:00:00 +0000\r\n\r\n" +
		strings.Repeat(strings.Repeat("x", 70)+"\r\n", size/72)
	var out bytes.Buffer
	out.WriteString("Received: from mail.partner.example (mail.partner.example [192.0.2.10]) by mx1.provider.example (Postfix) with ESMTPS id 1; Sun, 22 Nov 2026 09:00:01 +0000\r\n")
	err = dkim.Sign(&out, strings.NewReader(text), &dkim.SignOptions{Domain: "partner.example", Selector: "sel", Signer: key,
		HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed})
	if err != nil {
		b.Fatal(err)
	}
	return out.Bytes(), stageZone + "\nsel._domainkey.partner.example TXT \"v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(der) + "\"\n"
}
