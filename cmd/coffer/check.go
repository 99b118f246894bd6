package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"coffer"
	"coffer/api"
	"coffer/server"
)

// checkedError is a check that came to no end: exit code 2, apart from one that
// found something.
type checkedError struct{ err error }

func (e *checkedError) Error() string { return e.err.Error() }

const checkHelp = "\n\nIt asks the server that runs on the data folder, which goes on serving; with --offline it\n" +
	"opens the data folder itself, which no server may use then. Exit codes: 0 nothing is found, or\n" +
	"all of it was mended; 1 something is; 2 it could not be checked."

// checkFlags are those of check and repair.
type checkFlags struct {
	api.CheckInput
	offline, json bool
	acceptLostLog bool
	giveUpDisk    string
}

func addCheckFlags(cmd *cobra.Command) *checkFlags {
	f := &checkFlags{}
	cmd.Flags().BoolVar(&f.offline, "offline", false, "open the data folder, on which no server runs")
	cmd.Flags().BoolVar(&f.Data, "data-too", false, "read every byte, too, and compare it with its checksum")
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON lines: a line for each finding, and one at the end")
	for _, name := range []string{"data_disks", "master_key_file"} {
		addSettingFlag(cmd.Flags(), settingNamed(name))
	}
	return f
}

func (a *app) checkCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Compare all records and files with one another",
		Long: "Compare all records and files with one another: that every object has its bytes, that all\n" +
			"counters and indexes are right, and that nothing is left over. It changes nothing." + checkHelp,
		Example: "  coffer check\n  coffer check --data-too --json\n  coffer check --offline --data ./data",
		Args:    noArguments,
	}
	f := addCheckFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return a.runCheck(cmd, f, false) }
	return cmd
}

func (a *app) repairCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "repair",
		Short: "Mend what a check finds",
		Long: "Mend what a check finds: correct counters, write indexes anew, and remove what nothing\n" +
			"names. Without --yes it says what it would do, and does nothing. What is unsafe beside a\n" +
			"server that runs is done with --offline only. Objects whose bytes are lost are shown, and\n" +
			"removed only with --remove-damaged, never those that are locked. If the newest records cannot be\n" +
			"read, a server does not start; --accept-lost-log goes on without them. A disk that is missing and lost\n" +
			"for good is given up with --give-up-disk, which shows all objects that had bytes there. The audit\n" +
			"log has all that was mended." + checkHelp,
		Example: "  coffer repair\n  coffer repair --yes\n  coffer repair --offline --yes --remove-damaged --data-too\n  coffer repair --offline --give-up-disk c0fe",
		Args:    noArguments,
	}
	f := addCheckFlags(cmd)
	yes := cmd.Flags().Bool("yes", false, "do it")
	cmd.Flags().BoolVar(&f.RemoveDamaged, "remove-damaged", false, "remove objects whose bytes are lost")
	cmd.Flags().BoolVar(&f.acceptLostLog, "accept-lost-log", false, "go on without the newest records, if the log of the metadata cannot be read to its end")
	cmd.Flags().StringVar(&f.giveUpDisk, "give-up-disk", "", "take the disk with this `ID`, which is missing, for lost for good")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		f.Repair = *yes
		if f.acceptLostLog && !f.offline {
			return errors.New("--accept-lost-log is for a server that does not start: use it with --offline")
		}
		if f.giveUpDisk != "" && !f.offline {
			return errors.New("--give-up-disk is for a data folder on which no server runs: use it with --offline")
		}
		return a.runCheck(cmd, f, true)
	}
	return cmd
}

// runCheck checks, and prints what is found as it comes.
func (a *app) runCheck(cmd *cobra.Command, f *checkFlags, repair bool) error {
	found, left := 0, 0
	tell := func(x api.Found) error {
		found++
		if !x.Mended {
			left++
		}
		if f.json {
			return writeLine(a.stdout, api.CheckLine{Found: &x})
		}
		_, err := fmt.Fprint(a.stdout, foundText(x, repair))
		return err
	}
	check := a.checkOnline
	if f.offline {
		check = a.checkOffline
	}
	line, err := check(cmd, f, tell)
	if err != nil {
		if _, ok := errors.AsType[*api.NoServerError](err); ok {
			err = fmt.Errorf("%w: with --offline the folder is checked without one", err)
		}
		return &checkedError{err}
	}
	if f.json {
		if err := writeLine(a.stdout, line); err != nil {
			return err
		}
	} else if d := line.Done; d != nil {
		fmt.Fprintf(a.stdout, "checked %d buckets, %d objects, %d other versions, %d uploads and %d files; read %d bytes of content\n",
			d.Buckets, d.Objects, d.Versions, d.Uploads, d.Blobs, d.Bytes)
	}
	if left > 0 {
		return fmt.Errorf("%d problems were found, %d of them mended", found, found-left)
	}
	return nil
}

func (a *app) checkOnline(cmd *cobra.Command, f *checkFlags, tell func(api.Found) error) (api.CheckLine, error) {
	data, err := a.data(cmd)
	if err != nil {
		return api.CheckLine{}, err
	}
	done, err := api.Dial(server.SocketPath(data)).CheckStore(cmd.Context(), f.CheckInput, tell)
	return api.CheckLine{Done: &done}, err
}

func (a *app) checkOffline(cmd *cobra.Command, f *checkFlags, tell func(api.Found) error) (api.CheckLine, error) {
	v, _, err := a.load(cmd)
	if err != nil {
		return api.CheckLine{}, err
	}
	cfg := v.Config
	if cfg.Logger, err = server.NewLogger(a.stderr, v.logFormat, "warn"); err != nil {
		return api.CheckLine{}, err
	}
	cfg.Stdout, cfg.Now, cfg.Rand = a.stdout, time.Now, rand.Reader
	cfg.Fatal = func(err error) {
		fmt.Fprintf(a.stderr, "coffer: the metadata cannot be written: %s\n", oneLine(err))
		os.Exit(exitUsage)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	umask(0o077)
	if err := becomeWriter(cfg.Data); err != nil {
		return api.CheckLine{}, err
	}
	done, err := server.Check(ctx, cfg, server.CheckInput{CheckInput: f.CheckInput, AcceptLostLog: f.acceptLostLog, GiveUpDisk: f.giveUpDisk}, tell)
	return api.CheckLine{Done: &done}, err
}

// foundText is a finding for people: what, where, what it means, what to do.
func foundText(x api.Found, repair bool) string {
	var b strings.Builder
	where := "record " + x.Record
	if x.Key != "" {
		where = fmt.Sprintf("%s/%s", x.Bucket, x.Key)
		if x.Version != "" {
			where += " version " + x.Version
		}
	} else if x.Bucket != "" {
		where = fmt.Sprintf("bucket %s, record %s", x.Bucket, x.Record)
	}
	// A key may have a newline in it, and what looks like another finding behind that.
	fmt.Fprintf(&b, "%s: %s: %s\n    %s", x.Severity, x.Code, printable(where), x.Means)
	if x.Detail != "" {
		fmt.Fprintf(&b, " (%s)", printable(x.Detail))
	}
	does := x.Remedy
	switch {
	case x.Mended:
		does = "It was mended."
	case repair && x.Mendable:
		does = "Would be mended with --yes."
	case repair && x.Mend == coffer.MendStopped:
		does = "To mend it, stop the server and repair with --offline."
	}
	fmt.Fprintf(&b, "\n    %s\n", cmp.Or(does, "-"))
	return printableLines(b.String())
}

// printableLines is printable for text of several lines, whose own ends stay.
func printableLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = printable(lines[i])
	}
	return strings.Join(lines, "\n")
}

// writeLine prints v as JSON on one line.
func writeLine(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
