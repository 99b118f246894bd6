package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"coffer/api"
)

func (a *app) keyCommand() *cobra.Command {
	group := addURLFlag(&cobra.Command{
		Use:   "key",
		Short: "Make, show, rotate and delete access keys",
		Long: "Make, show, rotate and delete access keys. A key is named by its ID (key_…) or by any\n" +
			"Access Key ID of it; self is the key that signs the call.",
		Example: "  coffer key list\n" +
			"  coffer key create --name backup --preset read-write --bucket backups\n" +
			"  coffer key rotate CFAK0123456789ABCDEF\n" +
			"  coffer key usage CFAK0123456789ABCDEF\n" +
			"  coffer key confirm CFAK0123456789ABCDEF",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	})
	group.AddCommand(a.keyListCommand(), a.keyCreateCommand(), a.keyShowCommand(),
		a.keyRotateCommand(), a.keyConfirmCommand(), a.keyCancelCommand(), a.keyScreamTestCommand(), a.keyUsageCommand(),
		a.keyScopeCommand(), a.keyExtendCommand(), a.keyRenameCommand(), a.keyExportCommand(), a.keyScanCommand(), a.keyDeriveCommand(),
		a.keyRevokeSelfCommand())
	for _, k := range []keyCall{
		{"pause", "Refuse an access key until it is resumed", "", "  coffer key pause CFAK0123456789ABCDEF", "paused", (*api.Client).PauseKey},
		{"resume", "End the pause of an access key", "", "  coffer key resume CFAK0123456789ABCDEF", "resumed", (*api.Client).ResumeKey},
		{"delete", "Delete an access key: it is refused from then on",
			"Delete an access key: it is refused from then on, on open connections and for pre-signed\nURLs too. coffer key undelete restores it for 30 days.",
			"  coffer key delete CFAK0123456789ABCDEF", "deleted", (*api.Client).DeleteKey},
		{"undelete", "Restore an access key that was deleted up to 30 days ago", "", "  coffer key undelete key_0123456789abcdefghjk", "restored", (*api.Client).UndeleteKey},
	} {
		group.AddCommand(a.keyCommandOf(k))
	}
	return group
}

func (a *app) keyListCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List access keys",
		Example: "  coffer key list\n  coffer key list --account root@localhost --json",
		Args:    noArguments,
	}
	account := cmd.Flags().String("account", "", "only keys of this account (`ID` or e-mail address)")
	deleted := cmd.Flags().Bool("deleted", false, "deleted keys too")
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := a.client(cmd)
		if err != nil {
			return err
		}
		all, err := c.ListKeys(cmd.Context(), *account, *deleted)
		if err != nil {
			return err
		}
		if *asJSON {
			return writeJSON(a.stdout, map[string]any{"keys": all})
		}
		now := time.Now()
		t := newTable(a.stdout, "ID", "ACCESS KEY ID", "ACCOUNT", "STATUS", "SCOPE", "CREATED", "LAST USED", "EXPIRES", "NAME")
		for _, k := range all {
			status, expires := string(k.Status), "never"
			if k.Outgoing != nil {
				status += ", rotating"
			}
			if k.Expires != nil {
				expires = ago(*k.Expires, now)
			}
			used := "never"
			if u := lastUsed(k.Current); u != nil {
				used = ago(*u, now)
			}
			t.row(string(k.ID), string(k.Current.AccessKeyID), string(k.Account), status, scopeWords(k.Scope),
				ago(k.Created, now), used, expires, k.Name)
		}
		return t.flush()
	}
	return cmd
}

func (a *app) keyCreateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make an access key, or import one",
		Long: "Make an access key and print its ID and secret. Without --preset or --scope-file it may do\n" +
			"everything in its account. With --import-id it takes a pair that was made elsewhere; its\n" +
			"secret is read from " + importSecretVariable + ", from the file that " + importSecretVariable + "_FILE\n" +
			"names, or from standard input.",
		Example: "  coffer key create --name backup\n" +
			"  coffer key create --name ci --preset read-only --bucket releases --prefix v2/ --expires 90d\n" +
			"  coffer key create --account a@example.com --import-id AKIAIOSFODNN7EXAMPLE < secret.txt",
		Args: noArguments,
	}
	account := cmd.Flags().String("account", "", "account that gets the key (`ID` or e-mail address); may be left out if there is one only")
	name := cmd.Flags().String("name", "", "a `NAME` for people")
	importID := cmd.Flags().String("import-id", "", "Access Key `ID` of a pair that was made elsewhere")
	expires := cmd.Flags().String("expires", "", "`WHEN` the key stops working: 90d, 12h or 2027-01-31T00:00:00Z; never if not given")
	scope := addScopeFlags(cmd.Flags())
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		in := api.CreateKeyInput{Account: *account, Name: *name}
		var err error
		if in.Scope, err = a.scope(cmd, scope); err != nil {
			return err
		}
		if err := notEmpty(cmd, "expires"); err != nil {
			return err
		}
		end, err := parseWhen("expires", *expires, time.Now())
		if err != nil {
			return err
		}
		if !end.IsZero() {
			in.Expires = &end
		}
		if *importID != "" {
			secret, err := a.readSecret(importSecretVariable)
			if err != nil {
				return err
			}
			in.Import = &api.ImportedPair{AccessKeyID: *importID, SecretAccessKey: api.PlainSecret{Secret: secret}}
		}
		c, err := a.client(cmd)
		if err != nil {
			return err
		}
		key, err := c.CreateKey(cmd.Context(), in)
		if err != nil {
			return err
		}
		return a.show(*asJSON, key)
	}
	return cmd
}

// show prints a key whole.
func (a *app) show(asJSON bool, key api.Key) error {
	if asJSON {
		return writeJSON(a.stdout, key)
	}
	return a.printKey(key)
}

func (a *app) keyShowCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show HANDLE",
		Short: "Show an access key, or its secret",
		Example: "  coffer key show CFAK0123456789ABCDEF\n" +
			"  export AWS_SECRET_ACCESS_KEY=\"$(coffer key show CFAK0123456789ABCDEF --secret)\"",
		Args: oneArgument("a key's ID or an Access Key ID"),
	}
	secret := cmd.Flags().Bool("secret", false, "print the secret, and nothing else")
	asJSON := cmd.Flags().Bool("json", false, "print JSON, with the secret if --secret asks for it")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := a.client(cmd)
		if err != nil {
			return err
		}
		call := c.GetKey
		if *secret {
			call = c.RevealKey
		}
		key, err := call(cmd.Context(), args[0])
		switch {
		case err != nil:
			return err
		case *secret && !*asJSON:
			return a.print(key.Current.SecretAccessKey.Reveal() + "\n")
		}
		return a.show(*asJSON, key)
	}
	return cmd
}

func (a *app) keyExtendCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "extend HANDLE --expires WHEN",
		Short:   "Change when an access key expires",
		Example: "  coffer key extend CFAK0123456789ABCDEF --expires 90d\n  coffer key extend CFAK0123456789ABCDEF --expires never",
		Args:    oneArgument("a key's ID or an Access Key ID"),
	}
	expires := cmd.Flags().String("expires", "", "`WHEN`: 90d, 12h, 2027-01-31T00:00:00Z, or never; required")
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *expires == "" {
			return usagef("coffer key extend needs --expires WHEN")
		}
		at, err := parseWhen("expires", *expires, time.Now())
		if err != nil {
			return err
		}
		c, err := a.client(cmd)
		if err != nil {
			return err
		}
		key, err := c.ExtendKey(cmd.Context(), args[0], at)
		if err != nil {
			return err
		}
		return a.tell(*asJSON, key, "expires "+when(key.Expires, time.Now())+":")
	}
	return cmd
}

func (a *app) keyRenameCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "rename HANDLE --name NAME",
		Short:   "Change what people call an access key",
		Example: "  coffer key rename CFAK0123456789ABCDEF --name 'nightly backup'",
		Args:    oneArgument("a key's ID or an Access Key ID"),
	}
	name := cmd.Flags().String("name", "", "the new `NAME`; required, may be empty")
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if !cmd.Flags().Changed("name") {
			return usagef("coffer key rename needs --name NAME")
		}
		c, err := a.client(cmd)
		if err != nil {
			return err
		}
		key, err := c.RenameKey(cmd.Context(), args[0], *name)
		if err != nil {
			return err
		}
		return a.tell(*asJSON, key, "renamed")
	}
	return cmd
}

func (a *app) keyRevokeSelfCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "revoke-self --url URL",
		Short: "End the access key that is in the environment, whatever its scope",
		Long: "End the access key that is in the environment, whatever its scope: for who finds one where\n" +
			"it should not be. An owner or admin can restore it for 30 days.",
		Example: "  AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… coffer key revoke-self --url https://console.example.com",
		Args:    noArguments,
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := a.client(cmd)
		if err != nil {
			return err
		}
		if c.Pair == nil {
			return usagef("coffer key revoke-self ends the key that signs the call: give --url and the pair in the environment")
		}
		key, err := c.RevokeSelf(cmd.Context())
		if err != nil {
			return err
		}
		return a.tell(*asJSON, key, "revoked")
	}
	return cmd
}

// wait sleeps unless ctx ends first.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
