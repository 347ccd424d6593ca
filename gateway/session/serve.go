package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"github.com/emersion/go-smtp"

	"mxgate/gateway/wire"
)

// Config is what New and Serve need.
type Config struct {
	Hostname string
	Gate     Gate
	OnPanic  func()       // called for each panic that was contained; nil: nobody
	Log      *slog.Logger // nil: nothing is logged
}

// What a session answers by itself.
var (
	internalError = &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "Internal error, try again later"}
	panicked      = &smtp.SMTPError{Code: 421, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "Internal error, try again later"}
	serverClosed  = &smtp.SMTPError{Code: 421, EnhancedCode: smtp.EnhancedCode{4, 3, 2}, Message: "Shutting down, try again later"}
	outOfOrder    = &smtp.SMTPError{Code: 503, EnhancedCode: smtp.EnhancedCode{5, 5, 1}, Message: "Bad sequence of commands"}
)

// maxServerLine is more than go-smtp's read buffer. Its line limit counts what
// was read ahead and content alike; the limit of commands is wire's.
const maxServerLine = 64 << 10

// Serve runs go-smtp over l until l is drained or closed, and returns when the
// last session is over. The settings leave every limit, TLS and every deadline
// to wire.
func Serve(l *wire.Listener, cfg Config) error {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	server := smtp.NewServer(New(cfg))
	server.Domain = cfg.Hostname
	server.MaxLineLength = maxServerLine
	server.ErrorLog = serverLog{cfg.Log}
	if err := server.Serve(l); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("session: %w", err)
	}
	return server.Shutdown(context.Background()) // waits only: l is closed
}

// serverLog passes what go-smtp says about itself to slog.
type serverLog struct{ log *slog.Logger }

// Printf implements smtp.Logger.
func (l serverLog) Printf(format string, v ...any) {
	l.log.Error("go-smtp", slog.String("err", fmt.Sprintf(format, v...)))
}

// Println implements smtp.Logger.
func (l serverLog) Println(v ...any) { l.log.Error("go-smtp", slog.String("err", fmt.Sprint(v...))) }
