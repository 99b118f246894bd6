package main

import (
	"strconv"

	"github.com/spf13/cobra"
)

func (a *app) lifecycleCommand() *cobra.Command {
	group := addURLFlag(&cobra.Command{
		Use:     "lifecycle",
		Short:   "See what the lifecycles of buckets would do",
		Long:    "See what the lifecycles of buckets would do. Any S3 tool sets them; the server carries them\nout after each midnight in UTC.",
		Example: "  coffer lifecycle preview photos",
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	})
	cmd := &cobra.Command{
		Use:     "preview BUCKET",
		Short:   "Count what each rule of a bucket would do now",
		Long:    "Count what each rule of a bucket would do now. It looks at the whole bucket and changes nothing.",
		Example: "  coffer lifecycle preview photos --json",
		Args:    oneArgument("a bucket's name"),
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := a.client(cmd)
		if err != nil {
			return err
		}
		p, err := c.PreviewLifecycle(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		if *asJSON {
			return writeJSON(a.stdout, p)
		}
		t := newTable(a.stdout, "RULE", "OBJECTS", "OLD VERSIONS", "BYTES", "DELETE MARKERS", "CLASS CHANGES", "UPLOADS")
		for _, r := range p.Rules {
			cells := []string{r.ID}
			for _, n := range []int64{r.Expired, r.Noncurrent, r.Bytes, r.Markers, r.Transitions, r.Uploads} {
				cells = append(cells, strconv.FormatInt(n, 10))
			}
			t.row(cells...)
		}
		return t.flush()
	}
	group.AddCommand(cmd)
	return group
}
