package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"coffer/api"
)

func (a *app) accountCommand() *cobra.Command {
	group := addURLFlag(&cobra.Command{
		Use:   "account",
		Short: "Make and list accounts",
		Long: "Make and list accounts. An account owns buckets, access keys and members; nothing of one\n" +
			"account can be seen by another. Accounts are made by operators.",
		Example: "  coffer account create --email a@example.com --name \"Team A\"\n  coffer account list",
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	})
	group.AddCommand(a.accountCreateCommand(), a.accountListCommand(), a.accountQuotaCommand())
	return group
}

func (a *app) accountCreateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "create --email ADDRESS",
		Short:   "Make an account and its first access key",
		Example: "  coffer account create --email a@example.com --name \"Team A\" --json",
		Args:    noArguments,
	}
	email := cmd.Flags().String("email", "", "e-mail `ADDRESS` of the account; required")
	name := cmd.Flags().String("name", "", "a `NAME` for people")
	keyName := cmd.Flags().String("key-name", "", "a `NAME` for its first access key")
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *email == "" {
			return usagef("coffer account create needs --email ADDRESS")
		}
		c, err := a.client(cmd)
		if err != nil {
			return err
		}
		made, err := c.CreateAccount(cmd.Context(), api.CreateAccountInput{Email: *email, Name: *name, KeyName: *keyName})
		if err != nil {
			return err
		}
		if *asJSON {
			return writeJSON(a.stdout, made)
		}
		fmt.Fprintf(a.stdout, "account %s (%s), with its first key:\n\n", made.Account.ID, made.Account.Email)
		return a.printKey(made.Key)
	}
	return cmd
}

func (a *app) accountListCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List accounts",
		Example: "  coffer account list --json",
		Args:    noArguments,
	}
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := a.client(cmd)
		if err != nil {
			return err
		}
		all, err := c.ListAccounts(cmd.Context())
		if err != nil {
			return err
		}
		if *asJSON {
			return writeJSON(a.stdout, map[string]any{"accounts": all})
		}
		now := time.Now()
		t := newTable(a.stdout, "ID", "E-MAIL", "CREATED", "NAME")
		for _, acc := range all {
			t.row(string(acc.ID), acc.Email, ago(acc.Created, now), acc.Name)
		}
		return t.flush()
	}
	return cmd
}

func (a *app) reclaimCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "reclaim",
		Short: "Delete stored bytes that nothing refers to any more",
		Long: "Delete stored bytes that nothing refers to any more, now. The server does so by itself\n" +
			"from time to time; this is for who wants the space at once.",
		Args: noArguments,
	}
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := a.client(cmd)
		if err != nil {
			return err
		}
		report, err := c.Reclaim(cmd.Context())
		if err != nil {
			return err
		}
		if *asJSON {
			return writeJSON(a.stdout, report)
		}
		_, err = fmt.Fprintf(a.stdout, "removed %d files, %d bytes of them referred to by nothing ever\n", report.Blobs, report.Bytes)
		return err
	}
	return cmd
}
