package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"mxgate/gateway/resolve/dnstest"
	"mxgate/gateway/smtptest"
	"mxgate/policy/dns"
)

// settings are what a check changes of the configuration.
type settings struct {
	commandTimeout, contentTimeout string // "": the default
}

// world is a gateway in a process of its own with a next hop and a resolver.
type world struct {
	dir     string
	addr    string
	sink    *smtptest.Sink
	dns     *dnstest.Server
	gateway *exec.Cmd
	out     *lockedBuffer
}

const zone = `
load.example        TXT "v=spf1 ip4:127.0.0.1 -all"
_dmarc.load.example TXT "v=DMARC1; p=none"
`

// build compiles mxgate and returns where it is.
func build() (program string, clean func(), err error) {
	dir, err := os.MkdirTemp("", "mxgate-loadcheck-*")
	if err != nil {
		return "", nil, err
	}
	program = filepath.Join(dir, "mxgate")
	cmd := exec.Command("go", "build", "-o", program, "mxgate/cmd/mxgate")
	cmd.Stderr = os.Stderr
	return program, func() { os.RemoveAll(dir) }, cmd.Run()
}

func newWorld(program string, s settings) (w *world, err error) {
	w = &world{out: &lockedBuffer{}}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	if w.dir, err = os.MkdirTemp("", "mxgate-loadcheck-*"); err != nil {
		return w, err
	}
	if w.sink, err = smtptest.Start("127.0.0.1:0", smtptest.Options{Discard: true}); err != nil {
		return w, err
	}
	snapshot, err := dns.ParseSnapshot(zone)
	if err != nil {
		return w, err
	}
	if w.dns, err = dnstest.Serve("127.0.0.1:0", snapshot); err != nil {
		return w, err
	}
	if err := certificate(w.dir); err != nil {
		return w, err
	}
	file := filepath.Join(w.dir, "mxgate.toml")
	if err := os.WriteFile(file, []byte(w.config(s)), 0o600); err != nil {
		return w, err
	}
	w.gateway = exec.Command(program, "serve", "-config", file)
	w.gateway.Stderr = w.out
	if err := w.gateway.Start(); err != nil {
		return w, err
	}
	return w, w.waitReady()
}

func (w *world) config(s settings) string {
	limits := "connections = 30000\nconnections_per_source = 30000\n"
	if s.commandTimeout != "" {
		limits += fmt.Sprintf("command_timeout = %q\ncontent_timeout = %q\n", s.commandTimeout, s.contentTimeout)
	}
	return fmt.Sprintf(`hostname = "gate.load.example"
data_dir = %q
[log]
level = "info"
[[listener]]
address = "127.0.0.1:0"
[tls]
cert_file = %q
key_file = %q
[[source]]
name = "provider"
ranges = ["127.0.0.1"]
origin = "peer"
[[domain]]
name = "dest.example"
next_hop = %q
[dns]
servers = [%q]
[limits]
%s`, filepath.Join(w.dir, "data"), filepath.Join(w.dir, "cert.pem"), filepath.Join(w.dir, "key.pem"),
		w.sink.Addr(), w.dns.Addr(), limits)
}

var port = regexp.MustCompile(`"msg":"ready".*?"Port":(\d+)`)

// waitReady finds the port in the log.
func (w *world) waitReady() error {
	for range 300 {
		if m := port.FindStringSubmatch(w.out.String()); m != nil {
			w.addr = "127.0.0.1:" + m[1]
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("the gateway does not start:\n%s", w.out.String())
}

func (w *world) close() {
	if w.gateway != nil && w.gateway.Process != nil {
		w.gateway.Process.Kill()
		w.gateway.Wait()
	}
	if w.sink != nil {
		w.sink.Close()
	}
	if w.dns != nil {
		w.dns.Close()
	}
	os.RemoveAll(w.dir)
}

// said is the end of what the gateway logged.
func (w *world) said() string {
	text := w.out.String()
	return text[max(0, len(text)-2000):]
}

// rss is the memory of the gateway in MB.
func (w *world) rss() (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.gateway.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.ParseFloat(strings.Fields(value)[0], 64)
			return kb / 1024, err
		}
	}
	return 0, errors.New("no VmRSS in /proc")
}

// peakRSS samples memory until ctx ends.
func (w *world) peakRSS(ctx context.Context) <-chan float64 {
	peak := make(chan float64, 1)
	go func() { // ends with ctx
		most := 0.0
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			if mb, err := w.rss(); err == nil {
				most = max(most, mb)
			}
			select {
			case <-ctx.Done():
				peak <- most
				return
			case <-tick.C:
			}
		}
	}()
	return peak
}

// certificate writes a self-signed one with a P-256 key.
func certificate(dir string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "gate.load.example"},
		DNSNames: []string{"gate.load.example"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "cert.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o600),
		os.WriteFile(filepath.Join(dir, "key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}), 0o600))
}

// lockedBuffer takes the log of the gateway: its end, and the line "ready".
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

const maxLogOctets = 1 << 20

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.b.Len() > maxLogOctets {
		l.b.Next(l.b.Len() / 2)
	}
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// dialFrom connects from one of our loopback addresses.
func (w *world) dialFrom(ip string) (net.Conn, error) {
	d := net.Dialer{Timeout: 20 * time.Second, LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}}
	return d.Dial("tcp", w.addr)
}
