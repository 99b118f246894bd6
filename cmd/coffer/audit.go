package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"coffer/api"
)

func (a *app) auditCommand() *cobra.Command {
	group := addURLFlag(&cobra.Command{
		Use:   "audit",
		Short: "Show and export who changed what",
		Long: "Show and export the audit log: who changed accounts, members, keys and settings, when and from\n" +
			"where. Events are kept for 400 days. Access keys do not read it: these commands are for the\n" +
			"socket of the data folder.",
		Example: "  coffer audit list --action key.\n  coffer audit export --from 30d --output audit.jsonl",
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	})
	group.AddCommand(a.auditListCommand(), a.auditExportCommand())
	return group
}

// auditFlags say which events are wanted.
type auditFlags struct {
	api.AuditFilter
	from, to string
}

func addAuditFlags(f *pflag.FlagSet) *auditFlags {
	w := &auditFlags{}
	f.StringVar(&w.Account, "account", "", "only this account (`ID` or e-mail address)")
	f.StringVar(&w.Action, "action", "", "only this `ACTION`, such as key.rotate, or a group such as key.")
	f.StringVar(&w.Who, "who", "", "only changes by this `WHO`, an ID or a name")
	f.StringVar(&w.Target, "target", "", "only changes of this `ID`")
	f.StringVar(&w.from, "from", "", "not before `WHEN`: 30d for 30 days ago, or 2027-01-31T00:00:00Z")
	f.StringVar(&w.to, "to", "", "before `WHEN`")
	return w
}

func (w *auditFlags) filter(now time.Time) (api.AuditFilter, error) {
	var err error
	if w.From, err = parsePast("from", w.from, now); err == nil {
		w.To, err = parsePast("to", w.to, now)
	}
	return w.AuditFilter, err
}

// parsePast reads a time, or a time before now: 30d.
func parsePast(flag, text string, now time.Time) (time.Time, error) {
	if d, err := parseSpan(text); err == nil {
		return now.Add(-d), nil
	}
	return parseWhen(flag, text, now)
}

func (a *app) auditListCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "Show the latest changes, the newest first",
		Example: "  coffer audit list\n  coffer audit list --action key. --from 7d --max 1000",
		Args:    noArguments,
	}
	flags := addAuditFlags(cmd.Flags())
	most := cmd.Flags().Int("max", 100, "the most events, up to 10000")
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		filter, err := flags.filter(time.Now())
		if err != nil {
			return err
		}
		if *most < 1 || *most > 10_000 {
			return usagef("--max is %d: it must be 1 to 10000; coffer audit export has no end", *most)
		}
		c, err := a.client(cmd)
		if err != nil {
			return err
		}
		events, err := c.ListAudit(cmd.Context(), filter, *most)
		if err != nil {
			return err
		}
		if *asJSON {
			return writeJSON(a.stdout, map[string]any{"events": events})
		}
		t := newTable(a.stdout, "TIME", "ACTION", "WHO", "SOURCE", "TARGET", "CHANGE")
		for _, e := range events {
			who := e.Who.Name
			if who == "" {
				who = string(e.Who.Kind)
			}
			t.row(day(e.Time), e.Action, who, e.Source, e.Target, changeWords(e.Before, e.After))
		}
		return t.flush()
	}
	return cmd
}

// changeWords writes a change as name: before → after.
func changeWords(before, after map[string]string) string {
	names := slices.Collect(maps.Keys(after))
	for name := range before {
		if _, ok := after[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for i, name := range names {
		is, ok := after[name]
		if !ok {
			is = "none"
		}
		if was, ok := before[name]; ok {
			is = was + " → " + is
		}
		names[i] = name + ": " + is
	}
	return strings.Join(names, ", ")
}

func (a *app) auditExportCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "export",
		Short:   "Write all changes as JSON lines, the oldest first",
		Example: "  coffer audit export > audit.jsonl\n  coffer audit export --action key. --from 30d --output keys.jsonl",
		Args:    noArguments,
	}
	flags := addAuditFlags(cmd.Flags())
	output := cmd.Flags().String("output", "", "write to a new `FILE` with mode 0600 instead of standard output")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		filter, err := flags.filter(time.Now())
		if err != nil {
			return err
		}
		c, err := a.client(cmd)
		if err != nil {
			return err
		}
		write := func(w io.Writer) error { return c.ExportAudit(cmd.Context(), filter, w) }
		if *output == "" {
			return write(a.stdout)
		}
		if err := writePrivate(*output, write); err != nil {
			return err
		}
		_, err = fmt.Fprintf(a.stderr, "wrote %s\n", *output)
		return err
	}
	return cmd
}
