package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"
)

func (a *app) webhookCommand() *cobra.Command {
	group := addURLFlag(&cobra.Command{
		Use:   "webhook",
		Short: "See where events of buckets go, and send them again",
		Long: "See where events of buckets go, and send them again. The webhooks themselves are a setting of the\n" +
			"server: URLs of HTTP servers, or of brokers that speak NATS, Kafka or AMQP. Buckets name them in their\n" +
			"notification configurations as arn:aws:sqs:::NAME.",
		Example: "  coffer webhook list\n  coffer webhook show orders\n  coffer webhook replay orders",
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	})
	group.AddCommand(a.webhookListCommand(), a.webhookShowCommand(), a.webhookTestCommand(), a.webhookReplayCommand())
	return group
}

const webhookArgument = "the name of a webhook"

func (a *app) webhookListCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List the webhooks, and how many events wait, were taken and were given up",
		Example: "  coffer webhook list --json", Args: noArguments}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := a.client(cmd)
		if err != nil {
			return err
		}
		list, err := c.ListWebhooks(cmd.Context())
		if err != nil {
			return err
		}
		if *asJSON {
			return writeJSON(a.stdout, map[string]any{"webhooks": list})
		}
		t := newTable(a.stdout, "WEBHOOK", "KIND", "WAITING", "DELIVERED", "FAILED", "GIVEN UP", "DROPPED")
		for _, w := range list {
			row := []string{w.Name, string(w.Kind)}
			for _, n := range []int64{w.Waiting, w.Delivered, w.Failed, w.Dead, w.Dropped} {
				row = append(row, strconv.FormatInt(n, 10))
			}
			t.row(row...)
		}
		return t.flush()
	}
	return cmd
}

func (a *app) webhookShowCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "show WEBHOOK", Short: "Show the last deliveries to a webhook; with --json also what was given up",
		Example: "  coffer webhook show orders\n  coffer webhook show orders --json", Args: oneArgument(webhookArgument)}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := a.client(cmd)
		if err != nil {
			return err
		}
		d, err := c.Webhook(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		if *asJSON {
			return writeJSON(a.stdout, d)
		}
		t := newTable(a.stdout, "TIME", "STATUS", "EVENTS", "MILLISECONDS", "ERROR")
		for _, one := range d.Deliveries {
			status := strconv.Itoa(one.Status)
			if one.Status == 0 {
				status = "-"
			}
			t.row(day(one.Time), status, strconv.Itoa(one.Events), strconv.FormatInt(one.Took, 10), one.Error)
		}
		return t.flush()
	}
	return cmd
}

func (a *app) webhookTestCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "test WEBHOOK", Short: "Send an s3:TestEvent to a webhook",
		Example: "  coffer webhook test orders\n  coffer webhook show orders", Args: oneArgument(webhookArgument)}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := a.client(cmd)
		if err != nil {
			return err
		}
		if err := c.TestWebhook(cmd.Context(), args[0]); err != nil {
			return err
		}
		_, err = fmt.Fprintf(a.stderr, "the event is under way: see coffer webhook show %s\n", args[0])
		return err
	}
	return cmd
}

func (a *app) webhookReplayCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "replay WEBHOOK", Short: "Send the events again that were given up",
		Example: "  coffer webhook replay orders", Args: oneArgument(webhookArgument)}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := a.client(cmd)
		if err != nil {
			return err
		}
		done, err := c.ReplayWebhook(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		if *asJSON {
			return writeJSON(a.stdout, done)
		}
		_, err = fmt.Fprintf(a.stdout, "%d events wait again\n", done.Events)
		return err
	}
	return cmd
}

func (a *app) replicationCommand() *cobra.Command {
	group := addURLFlag(&cobra.Command{
		Use:   "replication",
		Short: "See how the replication of buckets goes",
		Long: "See how the replication of buckets goes. The targets are a setting of the server; buckets name them in\n" +
			"their replication configurations as arn:aws:s3:::TARGET:BUCKET.",
		Example: "  coffer replication status photos",
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	})
	status := &cobra.Command{Use: "status BUCKET", Short: "Show how many copies wait, were made and were given up",
		Example: "  coffer replication status photos --json", Args: oneArgument("a bucket's name")}
	asJSON := jsonFlag(status)
	status.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := a.client(cmd)
		if err != nil {
			return err
		}
		s, err := c.Replication(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		if *asJSON {
			return writeJSON(a.stdout, s)
		}
		t := newTable(a.stdout, "BUCKET", "WAITING", "COMPLETED", "FAILED")
		t.row(args[0], strconv.FormatInt(s.Waiting, 10), strconv.FormatInt(s.Completed, 10), strconv.FormatInt(s.Failed, 10))
		return t.flush()
	}
	group.AddCommand(status)
	return group
}
