package api

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// socketPathMax is the length of the longest path that every system takes for a
// Unix socket: 104 bytes on BSD, 108 on Linux (unix(7)), with a NUL.
const socketPathMax = 103

// dialTimeout bounds the question whether anybody answers on a socket.
const dialTimeout = 5 * time.Second

// NoServerError says that nobody can be reached on the socket of a data folder.
type NoServerError struct {
	// Data is the data folder.
	Data string
	Err  error
}

func (e *NoServerError) Error() string {
	if errors.Is(e.Err, fs.ErrPermission) {
		return fmt.Sprintf("the server's socket in %s may not be opened: run this as the user who runs the server", e.Data)
	}
	return fmt.Sprintf("no server is running on %s: start it with coffer serve --data %s", e.Data, e.Data)
}

func (e *NoServerError) Unwrap() error { return e.Err }

// Dial returns a client for the server that listens on the socket at path. It
// connects at the first call, which ends in NoServerError if nobody listens.
func Dial(path string) *Client {
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			conn, err := dial(ctx, path)
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.ECONNREFUSED) {
				err = &NoServerError{Data: filepath.Dir(path), Err: err}
			}
			return conn, err
		},
		// The command line makes a call or two and goes.
		DisableKeepAlives: true,
	}
	return &Client{HTTP: &http.Client{Transport: transport}, Base: "http://coffer"}
}

func dial(ctx context.Context, path string) (net.Conn, error) {
	short, done, err := shortPath(path)
	if err != nil {
		return nil, err
	}
	defer done()
	var d net.Dialer
	return d.DialContext(ctx, "unix", short)
}

// ListenUnix listens on a socket at path that only this user can open. A socket
// that a dead server left is replaced; one on which somebody answers, or a file
// of another kind, is an error. Where the file system has no sockets there is a link
// at path, to one in a folder of its own.
func ListenUnix(path string) (net.Listener, error) {
	err := vacant(path)
	if err == nil {
		var l net.Listener
		if l, err = listenAt(path); socketless(err) {
			l, err = listenElsewhere(path)
		}
		if err == nil {
			return l, nil
		}
	}
	return nil, fmt.Errorf("listen on %s: %w", path, err)
}

// socketless tells whether an error is that of a file system without sockets, as folders
// are that a container shares with another system, and FAT.
func socketless(err error) bool {
	for _, e := range []error{syscall.ENOSYS, syscall.EOPNOTSUPP, syscall.EPERM, syscall.EINVAL} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func listenAt(path string) (net.Listener, error) {
	// The socket gets its mode under another name, so that at path there never
	// is one that others can open.
	temp, err := newName(path)
	if err != nil {
		return nil, err
	}
	short, done, err := shortPath(temp)
	if err != nil {
		return nil, err
	}
	defer done()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: short, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false) // the name it was bound to is gone by then
	var info os.FileInfo
	if err = os.Chmod(temp, 0o600); err == nil {
		info, err = publish(temp, path)
	}
	if err != nil {
		return nil, errors.Join(err, l.Close(), os.Remove(temp))
	}
	return &listener{Listener: l, path: path, info: info}, nil
}

// listenElsewhere listens in a new folder for temporary files, and has a link at path.
func listenElsewhere(path string) (net.Listener, error) {
	dir, err := os.MkdirTemp("", "coffer-")
	if err != nil {
		return nil, err
	}
	l, err := listenAt(filepath.Join(dir, filepath.Base(path)))
	if err != nil {
		return nil, errors.Join(err, os.Remove(dir))
	}
	info, err := link(l.Addr().String(), path)
	if err != nil {
		return nil, errors.Join(err, l.Close(), os.Remove(dir))
	}
	return &listener{Listener: l, path: path, info: info, dir: dir}, nil
}

// link makes path a link to target.
func link(target, path string) (os.FileInfo, error) {
	temp, err := newName(path)
	if err != nil {
		return nil, err
	}
	if err := os.Symlink(target, temp); err != nil {
		return nil, err
	}
	return publish(temp, path)
}

// newName is where what shall be at path is made; nothing is there.
func newName(path string) (string, error) {
	temp := path + ".new"
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	return temp, nil
}

// publish gives what is at temp its name.
func publish(temp, path string) (os.FileInfo, error) {
	info, err := os.Lstat(temp)
	if err != nil {
		return nil, err
	}
	return info, os.Rename(temp, path)
}

// vacant tells whether path may be taken.
func vacant(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket && info.Mode().Type() != fs.ModeSymlink:
		return errors.New("there is a file of another kind: move it away")
	}
	ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
	defer cancel()
	conn, err := dial(ctx, path)
	switch {
	case err == nil:
		_ = conn.Close()
		return errors.New("another server answers there: stop it first")
	case errors.Is(err, syscall.ECONNREFUSED):
		return nil // nobody has it open: what a killed server leaves
	case errors.Is(err, fs.ErrNotExist):
		return nil
	}
	return err
}

// listener removes its socket when it closes, unless another one is there.
type listener struct {
	net.Listener
	path string
	info os.FileInfo
	dir  string // of a socket that is elsewhere, or ""
}

func (l *listener) Close() error {
	err := l.Listener.Close()
	if info, statErr := os.Lstat(l.path); statErr == nil && os.SameFile(info, l.info) {
		err = errors.Join(err, os.Remove(l.path))
	}
	if l.dir != "" {
		err = errors.Join(err, os.Remove(l.dir))
	}
	return err
}

// Addr tells the path where clients find the socket.
func (l *listener) Addr() net.Addr { return &net.UnixAddr{Name: l.path, Net: "unix"} }

// shortPath returns a name of the socket at path that fits the address of a
// socket. On Linux a folder that is open has a short name under /proc. The name
// is good until done is called.
func shortPath(path string) (short string, done func(), err error) {
	if len(path) <= socketPathMax {
		return path, func() {}, nil
	}
	tooLong := fmt.Errorf("its path has %d bytes, a socket's may have %d: use a shorter data folder", len(path), socketPathMax)
	if runtime.GOOS != "linux" {
		return "", nil, tooLong
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return "", nil, err
	}
	short = fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(path))
	if strings.HasSuffix(path, "/") || len(short) > socketPathMax {
		return "", nil, errors.Join(tooLong, dir.Close())
	}
	return short, func() { _ = dir.Close() }, nil
}
