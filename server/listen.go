package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// The limits of a connection. AWS allows 8 KB of headers; a pre-signed URL with
// a session token and metadata needs more, and no client needs 32 KiB.
const (
	headerTimeout  = 10 * time.Second
	idleTimeout    = 2 * time.Minute
	headerBytesMax = 32 << 10
)

// listen opens an address of the settings. Port 0 takes a free one.
func listen(ctx context.Context, flag, addr string) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	switch {
	case err == nil:
		return l, nil
	case errors.Is(err, unix.EADDRINUSE):
		return nil, fmt.Errorf("%s %s is taken by another program: stop it, or use another --%s", flag, addr, flag)
	case errors.Is(err, unix.EADDRNOTAVAIL):
		return nil, fmt.Errorf("%s %s is not an address of this machine: use another --%s", flag, addr, flag)
	case errors.Is(err, unix.EACCES):
		return nil, fmt.Errorf("%s %s is a port that this user may not open: use one above 1023 with --%s", flag, addr, flag)
	}
	return nil, fmt.Errorf("listen on %s %s: %w", flag, addr, err)
}

func httpServer(ctx context.Context, handler http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    headerBytesMax,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: streamsMax},
		BaseContext:       func(net.Listener) context.Context { return ctx },
		// What net/http has to say is about clients that went away.
		ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
}

// baseURL is how a program on this machine reaches a listener: an address that
// stands for all of them is reached by the loopback.
func baseURL(scheme string, l net.Listener) string {
	addr, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return scheme + "://" + l.Addr().String()
	}
	host := addr.IP.String()
	if addr.IP.IsUnspecified() {
		host = "127.0.0.1"
	}
	return scheme + "://" + net.JoinHostPort(host, strconv.Itoa(addr.Port))
}
