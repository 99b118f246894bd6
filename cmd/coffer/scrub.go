package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"coffer/api"
)

func (a *app) scrubCommand() *cobra.Command {
	group := addURLFlag(&cobra.Command{
		Use:   "scrub",
		Short: "See what reading all stored bytes found",
		Long: "See what reading all stored bytes found. The server reads them from time to time, as\n" +
			"scrub-every and scrub-bytes-per-second say, and compares them with their checksums. It\n" +
			"deletes nothing: put damaged objects again, or restore a backup.",
		Example: "  coffer scrub status\n  coffer scrub start",
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	})
	for _, c := range []struct {
		use, short string
		call       func(*api.Client, context.Context) (api.ScrubStatus, error)
	}{
		{"status", "Show how far the scrub is, and what it found", (*api.Client).ScrubStatus},
		{"start", "Begin a round now, unless one is under way", (*api.Client).StartScrub},
	} {
		cmd := &cobra.Command{Use: c.use, Short: c.short, Example: "  coffer scrub " + c.use + " --json", Args: noArguments}
		asJSON := jsonFlag(cmd)
		cmd.RunE = func(cmd *cobra.Command, _ []string) error {
			client, err := a.client(cmd)
			if err != nil {
				return err
			}
			status, err := c.call(client, cmd.Context())
			if err != nil {
				return err
			}
			if *asJSON {
				return writeJSON(a.stdout, status)
			}
			return a.tellScrub(status)
		}
		group.AddCommand(cmd)
	}
	return group
}

func (a *app) tellScrub(s api.ScrubStatus) error {
	state := "no round runs"
	if s.Running {
		state = fmt.Sprintf("a round runs since %s: %d objects, %d bytes", s.Began.Format(time.RFC3339), s.Objects, s.Bytes)
	}
	last := "no round has ended yet"
	if !s.Finished.IsZero() {
		last = "the last one ended at " + s.Finished.Format(time.RFC3339)
	}
	if _, err := fmt.Fprintf(a.stdout, "%s; %s; %d findings\n", state, last, len(s.Findings)); err != nil || len(s.Findings) == 0 {
		return err
	}
	t := newTable(a.stdout, "FOUND", "CODE", "BUCKET", "KEY", "VERSION", "DETAIL")
	for _, x := range s.Findings {
		key := x.Key
		if x.Upload != "" {
			key = "part of upload " + string(x.Upload)
		}
		t.row(x.Time.Format(time.RFC3339), x.Code, string(x.Bucket), key, x.Version, x.Detail)
	}
	return t.flush()
}
