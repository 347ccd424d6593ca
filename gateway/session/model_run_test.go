package session_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	mrand "math/rand/v2"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mxgate/gateway/session"
	"mxgate/gateway/wire"
)

// bench is a listener with its Gate, and what the model must know of it.
type bench struct {
	t        *testing.T
	rnd      *mrand.Rand
	l        *wire.Listener
	gate     *wordGate
	accepted chan *patient
	offer    atomic.Pointer[wire.Offer]
	trusted  atomic.Bool
}

var modelTLS = sync.OnceValue(func() *tls.Config {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().AddDate(10, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
})

func newBench(t *testing.T, seed, stream uint64) *bench {
	in, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, rnd: mrand.New(mrand.NewPCG(seed, stream)), gate: &wordGate{}, accepted: make(chan *patient, 1)}
	b.l, err = wire.NewListener(wire.Config{
		Hostname: "gate.example.com", TLSConfig: modelTLS(), SpoolDir: t.TempDir(), MemoryOctets: 500,
		MaxMessageOctets: modelOctets, MaxErrors: modelErrors, MaxCommands: modelCommands, MaxRecipients: modelRcpts,
		Admit:      func(netip.Addr) wire.Admission { return wire.Admission{Source: "provider", Verdict: wire.Admitted} },
		Offer:      func() wire.Offer { return *b.offer.Load() },
		MayXclient: func(string) bool { return b.trusted.Load() },
	}, wire.Socket{Listener: patientListener{in, b.accepted}})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- session.Serve(b.l, session.Config{Hostname: "gate.example.com", Gate: b.gate}) }()
	t.Cleanup(func() {
		if err := b.l.Drain(context.Background()); err != nil {
			t.Errorf("Drain: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return b
}

// talker is one session: the client's end, the server's socket, the model, and
// what was said.
type talker struct {
	*bench
	m      model
	raw    net.Conn
	client net.Conn // raw, or TLS over it
	r      *bufio.Reader
	server *patient
	said   []string
	steps  int
}

func (k *talker) fail(format string, args ...any) {
	k.t.Helper()
	k.t.Fatalf("%s\nafter\n%s\nmodel %+v", fmt.Sprintf(format, args...), strings.Join(k.said, "\n"), k.m)
}

// send writes octets as one packet. A write that fails shows in the replies.
func (k *talker) send(packet string) {
	k.said = append(k.said, fmt.Sprintf("C: %q", packet))
	_, _ = io.WriteString(k.client, packet)
}

// check reads what the model expects, and the end if the model has ended.
func (k *talker) check() {
	k.t.Helper()
	want := k.m.replies
	if k.m.over {
		want = append(want, "")
	}
	for _, w := range want {
		got, err := k.r.ReadString('\n')
		k.said = append(k.said, fmt.Sprintf("S: %q", got))
		if !strings.HasPrefix(got, w) || (err != nil) != (w == "") {
			k.fail("reply %q, %v, the model has %q of %q", got, err, w, want)
		}
	}
	k.m.replies = nil
}

// play gives packet to the model and the server; prefix is content before it.
func (k *talker) play(packet []string, prefix string) {
	wasSecure := k.m.secure
	for i, line := range packet {
		k.m.line(line, i < len(packet)-1)
	}
	k.steps += len(packet)
	k.send(prefix + strings.Join(append(packet, ""), "\r\n"))
	k.check()
	if !wasSecure && k.m.secure {
		k.handshake()
	}
}

func (k *talker) handshake() {
	if k.rnd.IntN(4) == 0 { // none that is one
		k.m.over = true
		if n := len(k.m.events); n > 0 && k.m.events[n-1] == "abort starttls" {
			k.m.events[n-1] = "abort error"
		}
		k.send("this is no TLS record, however long one waits for it\r\n")
		_ = k.client.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, k.r) // an alert, perhaps
		return
	}
	conn := tls.Client(k.client, &tls.Config{InsecureSkipVerify: true})
	if err := conn.Handshake(); err != nil {
		k.fail("handshake: %v", err)
	}
	k.client, k.r = conn, bufio.NewReader(conn)
	k.play([]string{"NOOP"}, "") // the server's side has shaken hands too
}

// body is what the client sends for content: whole, with commands behind it, or
// not to its end.
func (k *talker) body() {
	var sent strings.Builder
	for range k.rnd.IntN(6) {
		line := pick(k.bench, contents) + "\r\n"
		if strings.ContainsAny(line[:len(line)-2], "\r\n\x00") && k.rnd.IntN(3) > 0 {
			continue
		}
		if sent.Len()+len(line) > 2*k.m.octets { // beyond it, it depends on how the packet is read
			break
		}
		sent.WriteString(line)
	}
	k.steps++
	switch k.rnd.IntN(20) {
	case 0:
		k.send(sent.String() + ".\r") // the last octets are missing
		k.cut(func() { k.m.stop("451 4.4.2", "cut", k.m.secure) })
	case 1:
		k.send(sent.String())
		k.m.stop("421 4.4.2", "slow", true)
		k.expire()
	case 2:
		if k.m.octets < 300 {
			k.m.stop("552 5.3.4", "large", true)
			k.send(strings.Repeat("x", 2*k.m.octets+10))
			k.check()
			return
		}
		fallthrough
	default:
		k.m.take(sent.String())
		var behind []string
		if k.rnd.IntN(3) == 0 {
			behind = append(behind, k.command())
		}
		k.play(behind, sent.String()+".\r\n")
	}
}

// cut closes the client's half. Under TLS that leaves TCP open.
func (k *talker) cut(tell func()) {
	tell()
	if err := k.client.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		k.fail("CloseWrite: %v", err)
	}
	k.check()
}

func (k *talker) expire() {
	k.said = append(k.said, "the time is over")
	if err := k.server.expire(); err != nil {
		k.fail("expire: %v", err)
	}
	k.check()
}

// step is the next thing that happens.
func (k *talker) step() {
	switch n := k.rnd.IntN(400); {
	case k.m.content:
		k.body()
	case n == 0:
		k.send("RCPT TO:<half@exam")
		k.cut(func() { k.m.end("cut") })
	case n == 1:
		k.send("RCPT TO:<half@exam")
		k.m.replies = []string{"421 4.4.2"}
		k.m.end("time-out")
		k.expire()
	default:
		k.group()
	}
}

// session plays one session to its end and compares what the Gate has seen.
func (b *bench) session() int {
	k := &talker{bench: b, m: model{trusted: b.rnd.IntN(2) == 0}}
	b.gate.reset()
	b.trusted.Store(k.m.trusted)
	k.nextOffer()
	conn, err := net.Dial("tcp", b.l.Addr().String())
	if err != nil {
		b.t.Fatal(err)
	}
	defer conn.Close()
	// Only for a server that says nothing where the model has an answer.
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		b.t.Fatal(err)
	}
	k.raw, k.client, k.r, k.server = conn, conn, bufio.NewReader(conn), <-b.accepted
	k.m.replies = []string{"220 gate.example.com ESMTP"}
	k.check()
	for length := b.rnd.IntN(100); !k.m.over && k.steps < length; {
		k.nextOffer()
		k.step()
	}
	k.close()
	select {
	case <-k.server.closed:
	case <-time.After(time.Minute):
		k.fail("the server does not close")
	}
	if got := b.gate.seen(); !slices.EqualFunc(got, k.m.events, func(g, w string) bool { return g == w || w == "answered *" && strings.HasPrefix(g, "answered ") }) {
		k.fail("at the gate\n%s\nthe model has\n%s", strings.Join(got, "\n"), strings.Join(k.m.events, "\n"))
	}
	return k.steps
}

// close leaves, in the middle of whatever it is.
func (k *talker) close() {
	switch {
	case k.m.over:
	case k.m.content && k.rnd.IntN(2) == 0: // gone before the answer: nobody knows who is first
		k.m.take("text\r\n")
		k.m.events[len(k.m.events)-1] = "answered *"
		k.send("text\r\n.\r\n")
	case k.m.content:
		k.m.stop("", "cut", false)
		k.send("text\r\n.")
	default:
		k.m.end("cut")
		k.send("RCPT TO:<half")
	}
	_ = k.raw.Close() // below TLS, whose good-bye the server could answer first
}

func (k *talker) nextOffer() {
	flip := func() bool { return k.rnd.IntN(2) == 0 }
	o := wire.Offer{EightBitMIME: flip(), SMTPUTF8: flip(), DSN: flip(), RequireTLS: flip(), OneDomain: flip(),
		MaxOctets: pick(k.bench, []int64{0, 16<<10 + 90, 16<<10 + 280, 1 << 30}), MaxRecipients: pick(k.bench, []int{0, 1, 3})}
	k.offer.Store(&o)
	k.m.offer = o
}

// TestSessionsDoWhatTheModelSays plays random sessions over real sockets.
// MXGATE_MODEL_STEPS sets how many steps (20,000), MXGATE_MODEL_SEED plays the
// steps of a failure again.
func TestSessionsDoWhatTheModelSays(t *testing.T) {
	number := func(name string, def uint64) uint64 {
		text := os.Getenv(name)
		if text == "" {
			return def
		}
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return n
	}
	seed := number("MXGATE_MODEL_SEED", mrand.Uint64())
	steps := int(number("MXGATE_MODEL_STEPS", 20000))
	t.Logf("MXGATE_MODEL_SEED=%d MXGATE_MODEL_STEPS=%d", seed, steps)
	const streams = 2
	for stream := range uint64(streams) {
		t.Run(fmt.Sprint(stream), func(t *testing.T) {
			t.Parallel()
			b := newBench(t, seed, stream)
			sessions, events := 0, 0
			for n := 0; n < steps/streams; sessions++ {
				n += b.session()
				events += len(b.gate.seen())
			}
			t.Logf("%d sessions, %d events at the gate", sessions, events)
		})
	}
}
