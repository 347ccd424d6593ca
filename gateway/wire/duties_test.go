package wire_test

import (
	"crypto/tls"
	"strings"
	"testing"

	"mxgate/gateway/wire"
)

func TestDuty_A5(t *testing.T)          { script(t, "a5-banner") }
func TestDuty_A6(t *testing.T)          { script(t, "a6-helo") }
func TestDuty_C1(t *testing.T)          { script(t, "c1-long") }
func TestDuty_C3(t *testing.T)          { script(t, "c3-group") }
func TestDuty_C4(t *testing.T)          { script(t, "starttls-injection") }
func TestDuty_C5(t *testing.T)          { script(t, "c5-order") }
func TestDuty_C6(t *testing.T)          { script(t, "c6-small") }
func TestDuty_C8(t *testing.T)          { script(t, "c8-lines") }
func TestDuty_E1(t *testing.T)          { script(t, "e1-null") }
func TestDuty_E2(t *testing.T)          { script(t, "e2-parameters") }
func TestDuty_E3(t *testing.T)          { script(t, "e3-syntax") }
func TestDuty_E4(t *testing.T)          { script(t, "e4-route") }
func TestDuty_E8_Wire(t *testing.T)     { script(t, "x-narrow") }
func TestDuty_F4(t *testing.T)          { script(t, "f4-size") }
func TestDuty_I8(t *testing.T)          { script(t, "replaced") }
func TestDuty_X_8BIT_Wire(t *testing.T) { script(t, "x-narrow") }
func TestDuty_X_UTF8_Wire(t *testing.T) { script(t, "x-utf8") }
func TestDuty_X_DSN_Wire(t *testing.T)  { script(t, "x-dsn") }
func TestDuty_X_CHUNK(t *testing.T)     { script(t, "x-other") }
func TestDuty_X_PIPE(t *testing.T)      { script(t, "pipelining") }
func TestDuty_X_SIZE_Wire(t *testing.T) { script(t, "x-size") }
func TestDuty_F5_Wire(t *testing.T)     { script(t, "x-size-actual") }
func TestDuty_X_TLS(t *testing.T)       { script(t, "starttls") }
func TestDuty_X_RTLS_Wire(t *testing.T) { script(t, "x-requiretls") }
func TestDuty_X_LIM_Wire(t *testing.T)  { script(t, "x-narrow") }
func TestDuty_X_OTHER(t *testing.T)     { script(t, "x-other") }
func TestDuty_X1(t *testing.T)          { script(t, "x1-xclient") }
func TestDuty_X1_Nobody(t *testing.T)   { script(t, "x1-nobody") }

func TestDuty_T2_Wire(t *testing.T) { script(t, "c8-lines") }

func TestDuty_X_TLS_Required(t *testing.T)                       { script(t, "requiretls") }
func TestContentOverTwiceTheLimitEndsTheConnection(t *testing.T) { script(t, "f4-twice") }
func TestTheAnswerOfTheGateIsTheAnswerToTheClient(t *testing.T)  { script(t, "answers") }
func TestS2_BDATNeverArrives(t *testing.T)                       { script(t, "s2-bdat") }
func TestS12_TransactionsDoNotMix(t *testing.T)                  { script(t, "replaced") }
func TestS13_S14_S15_EnvelopesAreParsedByUs(t *testing.T)        { script(t, "e4-route") }

// X-TLS asks for 454 4.7.0 where a handshake is impossible. With us it never is:
// STARTTLS is not offered without a certificate, and TestDuty_X_TLS_NoCertificate
// shows that there is no Listener whose TLS has none. A handshake that fails
// comes after 220, where the stream is neither clear nor TLS: nothing is said.
func TestDuty_X_TLS_AFailedHandshakeIsTheEnd_S17(t *testing.T) { script(t, "s17-handshake") }

func TestDuty_X_TLS_NoCertificate(t *testing.T) {
	cfg := wire.Config{Hostname: "gate.example.com", Admit: admitAll, TLSConfig: new(tls.Config)}
	if _, err := wire.NewListener(cfg, wire.Socket{}); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a listener whose TLS has no certificate: %v", err)
	}
}
