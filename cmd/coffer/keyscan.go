package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"github.com/spf13/cobra"

	"coffer"
)

// keyForm is what a leak scanner looks for; docs/format.md has the two as regular
// expressions. What matches counts only if its checksum is right.
var keyForm = regexp.MustCompile(`CFAK[0-9A-HJKMNP-TV-Z]{16}|cfs_[0-9A-Za-z]{36}`)

const (
	// scanChunk is how much of a file is looked at in one piece.
	scanChunk = 256 << 10
	// scanOverlap is what two pieces share: a byte less than the longest find.
	scanOverlap = 39
)

// find is a key that was found.
type find struct {
	Path string `json:"path"`
	Line int    `json:"line"`
	Kind string `json:"kind"` // access_key_id or secret_access_key
	// Masked is enough to tell keys apart, and not enough to use one.
	Masked string `json:"masked"`
}

// foundError says that keys were found: exit code 1.
type foundError struct{ n int }

func (e *foundError) Error() string {
	if e.n == 1 {
		return "found 1 access key or secret"
	}
	return fmt.Sprintf("found %d access keys and secrets", e.n)
}

func (a *app) keyScanCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "scan PATH...",
		Short: "Look for coffer's access keys in files, offline",
		Long: "Look for Access Key IDs and secrets that coffer made, by their form and checksum, in files and\n" +
			"folders, - for standard input. No server is asked. What is found is printed masked, as\n" +
			"FILE:LINE. Symbolic links are not followed.\n\n" +
			"Exit codes: 0 nothing was found; 1 something was, or a file could not be read.",
		Example: "  coffer key scan .\n  git log -p | coffer key scan -",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("coffer key scan takes files and folders, and got none: see coffer key scan --help")
			}
			return nil
		},
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		finds := []find{}
		var errs []error
		for _, path := range args {
			errs = append(errs, a.scanPath(path, func(f find) error {
				finds = append(finds, f)
				if *asJSON {
					return nil
				}
				return a.print(fmt.Sprintf("%s:%d: %s %s\n", printable(f.Path), f.Line, f.Kind, f.Masked))
			}))
		}
		if *asJSON {
			errs = append(errs, writeJSON(a.stdout, map[string]any{"found": finds}))
		}
		if len(finds) > 0 {
			errs = append(errs, &foundError{len(finds)})
		}
		return errors.Join(errs...)
	}
	return cmd
}

// scanPath looks through a file, all files of a folder, or standard input. It
// goes on after what cannot be read, and tells of that at the end.
func (a *app) scanPath(path string, report func(find) error) error {
	if path == "-" {
		return scan(a.stdin, "-", report)
	}
	var errs []error
	err := filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			err = scanFile(name, report)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("scan %s: %w", name, pathReason(err)))
		}
		return nil
	})
	return errors.Join(append(errs, err)...)
}

func scanFile(name string, report func(find) error) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return scan(f, name, report)
}

// scan reports the keys in r. It holds one piece of it in memory.
func scan(r io.Reader, name string, report func(find) error) error {
	buf := make([]byte, 0, scanChunk+scanOverlap)
	line := 1 // of the first byte in buf
	for {
		n, err := io.ReadFull(r, buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		last := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !last {
			return err
		}
		// A find that reaches into the overlap is whole in the next piece.
		end := len(buf)
		if !last {
			end -= scanOverlap
		}
		if err := scanPiece(buf, end, name, line, report); err != nil || last {
			return err
		}
		line += newlines(buf[:end])
		buf = buf[:copy(buf, buf[end:])]
	}
}

// scanPiece reports the keys that begin before end.
func scanPiece(b []byte, end int, name string, line int, report func(find) error) error {
	counted := 0
	for at := 0; at < end; {
		m := keyForm.FindIndex(b[at:])
		if m == nil || at+m[0] >= end {
			return nil
		}
		start, text := at+m[0], string(b[at+m[0]:at+m[1]])
		line += newlines(b[counted:start])
		counted = start
		// What has the form and not the checksum may have a key begin within it.
		at = start + 1
		kind := kindOf(text)
		if kind == "" {
			continue
		}
		at = start + len(text)
		if err := report(find{Path: name, Line: line, Kind: kind, Masked: masked(text)}); err != nil {
			return err
		}
	}
	return nil
}

func newlines(b []byte) int {
	n := 0
	for _, c := range b {
		if c == '\n' {
			n++
		}
	}
	return n
}

func kindOf(text string) string {
	switch {
	case coffer.AccessKeyID(text).Minted():
		return "access_key_id"
	case coffer.NewSecretFrom(text).Minted():
		return "secret_access_key"
	}
	return ""
}

// masked shows the beginning and the end of a key.
func masked(text string) string { return text[:6] + "…" + text[len(text)-4:] }
