package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"coffer/server"
)

func (a *app) serveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Long: "Run the server until it gets SIGTERM or SIGINT; requests under way then finish. A\n" +
			"second signal ends it at once, which harms no data. SIGHUP reads the TLS certificate\n" +
			"again.\n\n" +
			"The first start makes the data folder, the master key, an account and its first access\n" +
			"key, and every start prints how to use it. Every flag is also a variable COFFER_… and a\n" +
			"key of the configuration file; secrets are those only. See coffer config show.\n\n" +
			"With --dev the server is for trying out: its data is in a temporary folder that is\n" +
			"removed when it stops, and it prints its key with the secret.",
		Example: "  coffer serve --data ./data\n" +
			"  coffer serve --dev\n" +
			"  coffer serve --s3-addr [::]:9000 --tls-cert cert.pem --tls-key key.pem --domain s3.example.com\n" +
			"  COFFER_ROOT_ACCESS_KEY_ID=… COFFER_ROOT_SECRET_ACCESS_KEY_FILE=/run/secrets/s3 coffer serve",
		Args: noArguments,
	}
	addSettingFlags(cmd.Flags())
	dev := cmd.Flags().Bool("dev", false, "a throw-away instance: its data is removed when it stops")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return a.serve(cmd, *dev) }
	return cmd
}

// lasting are settings that name what a throw-away instance must not touch.
var lasting = []string{"data", "data_disks", "master_key_file"}

// throwaway makes the folder of a throw-away instance.
func throwaway(cfg *server.Config, found map[string]given) (remove func() error, err error) {
	for _, name := range lasting {
		if g, ok := found[name]; ok {
			return nil, usagef("%s: serve --dev keeps everything in a folder of its own, which it removes: leave one of the two out", g.origin)
		}
	}
	dir, err := os.MkdirTemp("", "coffer-dev-")
	if err != nil {
		return nil, fmt.Errorf("make a temporary folder: %w", err)
	}
	cfg.Data, cfg.DataIsDefault, cfg.Throwaway = dir, false, true
	return func() error { return os.RemoveAll(dir) }, nil
}

func (a *app) serve(cmd *cobra.Command, dev bool) (err error) {
	v, found, err := a.load(cmd)
	if err != nil {
		return err
	}
	cfg := v.Config
	_, dataGiven := found["data"]
	cfg.DataIsDefault = !dataGiven
	if cfg.Logger, err = server.NewLogger(a.stderr, v.logFormat, v.logLevel); err != nil {
		return &usageError{err}
	}
	cfg.Command = commandName(a.args[0])
	cfg.Stdout, cfg.Now, cfg.Rand = a.stdout, time.Now, rand.Reader
	cfg.Fatal = func(err error) {
		fmt.Fprintf(a.stderr, "coffer: the metadata cannot be written any more, so what is on disk is unknown: check the disk and start again, which recovers it: %s\n", oneLine(err))
		os.Exit(exitFailure)
	}

	// The first signal ends ctx; after that signals do what they do by default,
	// so that a second one ends the process.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	context.AfterFunc(ctx, stop)

	// Whatever the engines below write is for this user only.
	umask(0o077)

	// A log that nobody reads any more is no reason to stop serving.
	signal.Ignore(syscall.SIGPIPE)

	if dev {
		remove, derr := throwaway(&cfg, found)
		if derr != nil {
			return derr
		}
		defer func() { err = errors.Join(err, remove()) }()
	}
	s, err := server.New(ctx, cfg)
	if err != nil {
		if ctx.Err() != nil {
			return nil // it was asked to stop before it had started
		}
		return err
	}
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	go func() {
		for range hangups {
			s.Reload()
		}
	}()
	err = s.Run(ctx)
	if cerr := s.Close(); err == nil {
		err = cerr
	}
	return err
}

// commandName is how a person runs this program again from the same folder: as
// it was called, or through go run when that built it for this run only.
func commandName(arg0 string) string {
	exe, err := os.Executable()
	if err == nil && goBuild(exe) {
		return "go run ./cmd/coffer"
	}
	if strings.ContainsRune(arg0, filepath.Separator) {
		return arg0
	}
	if _, err := exec.LookPath(arg0); err == nil || exe == "" {
		return arg0
	}
	return exe
}

// goBuild tells the folder that go run removes at its end:
// …/go-build123/b001/exe/coffer.
func goBuild(exe string) bool {
	for dir := filepath.Dir(exe); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if strings.HasPrefix(filepath.Base(dir), "go-build") {
			return true
		}
	}
	return false
}
