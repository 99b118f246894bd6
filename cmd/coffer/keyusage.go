package main

import (
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"coffer/api"
)

func (a *app) keyUsageCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "usage HANDLE",
		Short:   "Show who uses an access key",
		Long:    "Show who uses an access key, at most ten seconds late. During a rotation, who still uses the\nold credential comes first, counted since the rotation began.",
		Example: "  coffer key usage CFAK0123456789ABCDEF\n  coffer key usage CFAK0123456789ABCDEF --json",
		Args:    oneArgument("a key's ID or an Access Key ID"),
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := a.client(cmd)
		if err != nil {
			return err
		}
		u, err := c.KeyUsage(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		if *asJSON {
			return writeJSON(a.stdout, u)
		}
		return printUsage(a.stdout, u, time.Now())
	}
	return cmd
}

func printUsage(out io.Writer, u api.Usage, now time.Time) error {
	if u.Key.Outgoing != nil {
		fmt.Fprintf(out, "Outgoing %s, since the rotation began %s:\n", u.Key.Outgoing.AccessKeyID, ago(u.Key.Rotation.Began, now))
		if err := users(out, u.Outgoing, u.OutgoingOthers, now); err != nil {
			return err
		}
		if u.InUse && u.IdleAt != nil {
			fmt.Fprintf(out, "It was last used within 15 minutes: confirm is refused until %s, or later if it is used\nagain, unless --even-if-in-use is given.\n", day(*u.IdleAt))
		} else {
			fmt.Fprintln(out, "It was not used within the last 15 minutes: it can be confirmed.")
		}
		fmt.Fprintln(out)
	}
	fmt.Fprintf(out, "Current %s:\n", u.Key.Current.AccessKeyID)
	return users(out, u.Current, u.CurrentOthers, now)
}

func users(out io.Writer, all []api.User, others int64, now time.Time) error {
	if len(all) == 0 && others == 0 {
		_, err := fmt.Fprintln(out, "nobody")
		return err
	}
	err := usersTable(out, all, now)
	if err == nil && others > 0 {
		_, err = fmt.Fprintf(out, "and %d uses by others\n", others)
	}
	return err
}

func usersTable(out io.Writer, all []api.User, now time.Time) error {
	t := newTable(out, "SOURCE", "OPERATION", "BUCKET", "FIRST", "LAST", "COUNT", "REFUSED", "USER AGENT")
	for _, u := range all {
		last := "never"
		if u.Last != nil {
			last = ago(*u.Last, now)
		}
		t.row(u.Source, u.Operation, u.Bucket, ago(u.First, now), last,
			strconv.FormatInt(u.Count, 10), strconv.FormatInt(u.Refused, 10), u.UserAgent)
	}
	return t.flush()
}
