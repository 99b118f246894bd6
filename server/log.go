package server

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"coffer"
)

// NewLogger makes the logger of a server. Format is text, json, or auto: text
// when w is a terminal, JSON elsewhere. Level is debug, info, warn or error.
//
// The lines of requests, which are one for each, may be written a moment later,
// many at once; any other line is written at once, with all before it.
func NewLogger(w io.Writer, format, level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("log-level is %q: it must be debug, info, warn or error", level)
	}
	if format == "auto" {
		format = "json"
		if terminal(w) {
			format = "text"
		}
	}
	lines := &lines{w: w}
	opt := &slog.HandlerOptions{Level: l, ReplaceAttr: cutText}
	switch format {
	case "text":
		return slog.New(gathering{slog.NewTextHandler(lines, opt), lines}), nil
	case "json":
		return slog.New(gathering{slog.NewJSONHandler(lines, opt), lines}), nil
	}
	return nil, fmt.Errorf("log-format is %q: it must be auto, text or json", format)
}

// textMax is the length of the longest text in a line: a key with every byte of it
// escaped, and then some. A stranger sends 32 KiB of whatever it likes, and a byte that is
// no text has six characters in JSON.
const textMax = 4 << 10

// cutText is a ReplaceAttr: it cuts texts that are too long, but for what the program says
// of itself, and has one character for all bytes in a row that are no text.
func cutText(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() != slog.KindString || a.Key == "stack" {
		return a
	}
	s := a.Value.String()
	switch {
	case len(s) > textMax:
		a.Value = slog.StringValue(strings.ToValidUTF8(s[:textMax], "\uFFFD") + "…")
	case !utf8.ValidString(s):
		a.Value = slog.StringValue(strings.ToValidUTF8(s, "\uFFFD"))
	}
	return a
}

const (
	// linesBytes is how many bytes of lines wait at most, and linesWait how long.
	linesBytes = 32 << 10
	linesWait  = 100 * time.Millisecond
)

// gathering writes the lines that can wait through lines, and all others at once.
type gathering struct {
	slog.Handler
	lines *lines
}

func (g gathering) Handle(ctx context.Context, r slog.Record) error {
	err := g.Handler.Handle(ctx, r)
	if r.Level > slog.LevelInfo || r.Message != coffer.RequestLine {
		g.lines.flush()
	}
	return err
}

func (g gathering) WithAttrs(attrs []slog.Attr) slog.Handler {
	return gathering{g.Handler.WithAttrs(attrs), g.lines}
}

func (g gathering) WithGroup(name string) slog.Handler {
	return gathering{g.Handler.WithGroup(name), g.lines}
}

// lines gathers what is written, to write it at once.
type lines struct {
	w io.Writer

	mu      sync.Mutex // guards what follows; held while writing
	waiting []byte
	timed   bool // a timer will flush
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = append(l.waiting, p...)
	if len(l.waiting) >= linesBytes {
		l.write()
	} else if !l.timed {
		l.timed = true
		time.AfterFunc(linesWait, l.flush)
	}
	return len(p), nil
}

func (l *lines) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.timed = false
	l.write()
}

// write writes what waits; the lock is held. A log that cannot be written is lost:
// there is nowhere to say so.
func (l *lines) write() {
	if len(l.waiting) > 0 {
		_, _ = l.w.Write(l.waiting)
		l.waiting = l.waiting[:0]
	}
}

func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
