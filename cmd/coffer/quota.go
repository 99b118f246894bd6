package main

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"coffer/api"
)

func (a *app) bucketCommand() *cobra.Command {
	group := addURLFlag(&cobra.Command{
		Use:     "bucket",
		Short:   "Manage buckets apart from what is in them",
		Long:    "Manage buckets apart from what is in them. Any S3 tool makes, fills and deletes buckets.",
		Example: "  coffer bucket quota set photos --bytes 10GiB",
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	})
	group.AddCommand(a.bucketQuotaCommand())
	return group
}

const quotaHelp = " A write that would pass it is refused with 403 QuotaExceeded;\n" +
	"deletes always work, and what is stored already stays. 0 or none takes a limit away."

func (a *app) accountQuotaCommand() *cobra.Command {
	group := &cobra.Command{
		Use:     "quota",
		Short:   "Show and set how much an account may store",
		Long:    "Show and set how much an account may store and how often it may ask." + quotaHelp,
		Example: "  coffer account quota set a@example.com --bytes 1TiB --objects 1000000\n  coffer account quota show a@example.com",
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	show := &cobra.Command{Use: "show ACCOUNT", Short: "Show the quota of an account and how much of it is used",
		Example: "  coffer account quota show a@example.com --json", Args: oneArgument("an account's ID or e-mail address")}
	showJSON := jsonFlag(show)
	show.RunE = showQuota(a, (*api.Client).AccountQuota, showJSON, a.tellAccountQuota)
	set := &cobra.Command{Use: "set ACCOUNT", Short: "Set the quota of an account", Long: "Set the quota of an account: what no flag names stays as it is." + quotaHelp,
		Example: "  coffer account quota set a@example.com --bytes 1TiB --buckets 100\n  coffer account quota set a@example.com --key CFAK0123456789ABCDEF --requests-per-second 50",
		Args:    oneArgument("an account's ID or e-mail address")}
	setJSON := jsonFlag(set)
	in := quotaFlags(set.Flags())
	set.Flags().String("buckets", "", "most `BUCKETS`; none is 10000")
	set.Flags().String("requests-per-second", "", "most S3 `REQUESTS` per second; none is what the server's settings say")
	set.Flags().String("key", "", "`HANDLE` of the access key of the account that --requests-per-second is for")
	set.RunE = setQuota(a, in, (*api.Client).ChangeAccountQuota, setJSON, a.tellAccountQuota)
	group.AddCommand(show, set)
	return group
}

func (a *app) bucketQuotaCommand() *cobra.Command {
	group := &cobra.Command{
		Use:     "quota",
		Short:   "Show and set how much a bucket may hold",
		Long:    "Show and set how much a bucket may hold." + quotaHelp,
		Example: "  coffer bucket quota set photos --bytes 10GiB\n  coffer bucket quota show photos --json",
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	show := &cobra.Command{Use: "show BUCKET", Short: "Show the quota of a bucket and how much of it is used",
		Example: "  coffer bucket quota show photos --json", Args: oneArgument("a bucket's name")}
	showJSON := jsonFlag(show)
	show.RunE = showQuota(a, (*api.Client).BucketQuota, showJSON, a.tellBucketQuota)
	set := &cobra.Command{Use: "set BUCKET", Short: "Set the quota of a bucket", Long: "Set the quota of a bucket: what no flag names stays as it is." + quotaHelp,
		Example: "  coffer bucket quota set photos --bytes 10GiB --objects none", Args: oneArgument("a bucket's name")}
	setJSON := jsonFlag(set)
	in := quotaFlags(set.Flags())
	set.RunE = setQuota(a, in, (*api.Client).ChangeBucketQuota, setJSON, a.tellBucketQuota)
	group.AddCommand(show, set)
	return group
}

// showQuota runs a command that asks the server for a quota and tells it.
func showQuota[Q any](a *app, ask func(*api.Client, context.Context, string) (Q, error), asJSON *bool, tell func(bool, Q) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		c, err := a.client(cmd)
		if err != nil {
			return err
		}
		q, err := ask(c, cmd.Context(), args[0])
		if err != nil {
			return err
		}
		return tell(*asJSON, q)
	}
}

// setQuota is showQuota of a quota that is changed first, to what in reads.
func setQuota[Q any](a *app, in func() (api.ChangeQuotaInput, error), change func(*api.Client, context.Context, string, api.ChangeQuotaInput) (Q, error),
	asJSON *bool, tell func(bool, Q) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		wanted, err := in()
		if err != nil {
			return err
		}
		ask := func(c *api.Client, ctx context.Context, name string) (Q, error) { return change(c, ctx, name, wanted) }
		return showQuota(a, ask, asJSON, tell)(cmd, args)
	}
}

// quotaFlags adds the flags of every quota, and returns what reads all that a
// command has.
func quotaFlags(flags *pflag.FlagSet) func() (api.ChangeQuotaInput, error) {
	flags.String("bytes", "", "most `BYTES` stored, such as 10GiB")
	flags.String("objects", "", "most `OBJECTS`")
	return func() (in api.ChangeQuotaInput, err error) {
		any := false
		for name, to := range map[string]**int64{"bytes": &in.Bytes, "objects": &in.Objects, "buckets": &in.Buckets, "requests-per-second": &in.RequestsPerSecond} {
			f := flags.Lookup(name)
			if f == nil || !f.Changed {
				continue
			}
			any = true
			n := int64(0)
			if text := f.Value.String(); text != "none" {
				if name == "bytes" {
					n, err = parseBytes(text)
				} else if n, err = strconv.ParseInt(text, 10, 64); err != nil || n < 0 {
					err = usagef("it is a number from 0 on, or none")
				}
				if err != nil {
					return in, usagef("--%s is %q: %w", name, text, err)
				}
			}
			*to = &n
		}
		if f := flags.Lookup("key"); f != nil {
			in.Key = f.Value.String()
		}
		if !any {
			return in, usagef("no limit is named: see --help for the flags")
		}
		return in, nil
	}
}

func (a *app) tellAccountQuota(asJSON bool, q api.AccountQuota) error {
	if asJSON {
		return writeJSON(a.stdout, q)
	}
	t := newTable(a.stdout, "ACCOUNT "+string(q.Account), "USED", "LIMIT")
	t.row("bytes", strconv.FormatInt(q.Used.Bytes+q.Used.UploadBytes, 10), limitWord(q.Quota.Bytes, "none"))
	t.row("objects", strconv.FormatInt(q.Used.Objects, 10), limitWord(q.Quota.Objects, "none"))
	t.row("buckets", strconv.FormatInt(q.Used.Buckets, 10), limitWord(q.Quota.Buckets, "10000"))
	t.row("requests per second", "", limitWord(q.Quota.RequestsPerSecond, "as the server's settings say"))
	for id, n := range q.Keys {
		t.row("requests per second of "+id, "", strconv.FormatInt(n, 10))
	}
	return t.flush()
}

func (a *app) tellBucketQuota(asJSON bool, q api.BucketQuota) error {
	if asJSON {
		return writeJSON(a.stdout, q)
	}
	t := newTable(a.stdout, "BUCKET "+string(q.Bucket), "USED", "LIMIT")
	t.row("bytes", strconv.FormatInt(q.Used.Bytes+q.Used.UploadBytes, 10), limitWord(q.Quota.Bytes, "none"))
	t.row("objects", strconv.FormatInt(q.Used.Objects, 10), limitWord(q.Quota.Objects, "none"))
	return t.flush()
}

func limitWord(n int64, zero string) string {
	if n == 0 {
		return zero
	}
	return strconv.FormatInt(n, 10)
}
