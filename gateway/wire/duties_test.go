package wire_test

import "testing"

func TestDuty_A5(t *testing.T)     { script(t, "a5-banner") }
func TestDuty_A6(t *testing.T)     { script(t, "a6-helo") }
func TestDuty_C1(t *testing.T)     { script(t, "c1-long") }
func TestDuty_C3(t *testing.T)     { script(t, "c3-group") }
func TestDuty_C4(t *testing.T)     { script(t, "starttls-injection") }
func TestDuty_C5(t *testing.T)     { script(t, "c5-order") }
func TestDuty_C6(t *testing.T)     { script(t, "c6-small") }
func TestDuty_C8(t *testing.T)     { script(t, "c8-lines") }
func TestDuty_E2(t *testing.T)     { script(t, "e2-parameters") }
func TestDuty_F4(t *testing.T)     { script(t, "f4-size") }
func TestDuty_I8(t *testing.T)     { script(t, "replaced") }
func TestDuty_X_PIPE(t *testing.T) { script(t, "pipelining") }
func TestDuty_X_TLS(t *testing.T)  { script(t, "starttls") }

func TestMailInClearIsRefusedWhereTLSIsRequired(t *testing.T)    { script(t, "requiretls") }
func TestContentOverTwiceTheLimitEndsTheConnection(t *testing.T) { script(t, "f4-twice") }
func TestTheAnswerOfTheGateIsTheAnswerToTheClient(t *testing.T)  { script(t, "answers") }
func TestS2_BDATNeverArrives(t *testing.T)                       { script(t, "s2-bdat") }
func TestS12_TransactionsDoNotMix(t *testing.T)                  { script(t, "replaced") }
func TestS13_S14_S15_EnvelopesAreParsedByUs(t *testing.T)        { script(t, "e2-parameters") }
func TestS17_AFailedHandshakeEndsTheConnection(t *testing.T)     { script(t, "s17-handshake") }
