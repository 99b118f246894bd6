package main

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"coffer"
	"coffer/api"
	"coffer/server"
)

// importSecretVariable has the secret of a key that is imported; with _FILE
// behind it, the name of a file that has it.
const importSecretVariable = "COFFER_IMPORT_SECRET"

// client reaches the server that runs on the data folder.
func (a *app) client(cmd *cobra.Command) (*api.Client, error) {
	data, err := a.data(cmd)
	if err != nil {
		return nil, err
	}
	return api.Dial(server.SocketPath(data)), nil
}

func (a *app) keyCommand() *cobra.Command {
	group := &cobra.Command{
		Use:   "key",
		Short: "Make, show and delete access keys",
		Long: "Make, show and delete access keys of the server that runs on the data folder. A key is\n" +
			"named by its ID (key_…) or by its Access Key ID.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	group.AddCommand(a.keyListCommand(), a.keyCreateCommand(), a.keyShowCommand(), a.keyDeleteCommand())
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
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
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
		t := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "ID\tACCESS KEY ID\tACCOUNT\tSTATUS\tCREATED\tNAME")
		for _, k := range all {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", k.ID, k.Current.AccessKeyID, k.Account, k.Status, day(k.Created), k.Name)
		}
		return t.Flush()
	}
	return cmd
}

func (a *app) keyCreateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make an access key, or import one",
		Long: "Make an access key and print its ID and secret. With --import-id it takes a pair that\n" +
			"was made elsewhere; its secret is read from " + importSecretVariable + ", from the file that\n" +
			importSecretVariable + "_FILE names, or from standard input.",
		Example: "  coffer key create --name backup\n" +
			"  coffer key create --account a@example.com --import-id AKIAIOSFODNN7EXAMPLE < secret.txt",
		Args: noArguments,
	}
	account := cmd.Flags().String("account", "", "account that gets the key (`ID` or e-mail address); may be left out if there is one only")
	name := cmd.Flags().String("name", "", "a `NAME` for people")
	importID := cmd.Flags().String("import-id", "", "Access Key `ID` of a pair that was made elsewhere")
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		in := api.CreateKeyInput{Account: *account, Name: *name}
		if *importID != "" {
			secret, err := a.importSecret()
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
		if *asJSON {
			return writeJSON(a.stdout, key)
		}
		return a.printKey(key)
	}
	return cmd
}

// importSecret reads the secret from where no other user can see it.
func (a *app) importSecret() (coffer.Secret, error) {
	if s := a.getenv(importSecretVariable); s != "" {
		return coffer.NewSecretFrom(s), nil
	}
	if path := a.getenv(importSecretVariable + "_FILE"); path != "" {
		s, err := readSettingFile(path)
		if err != nil {
			return coffer.Secret{}, usagef("%s_FILE: %w", importSecretVariable, err)
		}
		return coffer.NewSecretFrom(s), nil
	}
	line, err := bufio.NewReader(io.LimitReader(a.stdin, settingFileMax)).ReadString('\n')
	if line = strings.TrimRight(line, "\r\n"); line == "" {
		if err == nil || err == io.EOF {
			err = fmt.Errorf("it is empty")
		}
		return coffer.Secret{}, usagef("read the secret from standard input: %w: give it there, or in %s", err, importSecretVariable)
	}
	return coffer.NewSecretFrom(line), nil
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
		case *asJSON:
			return writeJSON(a.stdout, key)
		case *secret:
			_, err := fmt.Fprintln(a.stdout, key.Current.SecretAccessKey.Reveal())
			return err
		}
		return a.printKey(key)
	}
	return cmd
}

func (a *app) keyDeleteCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "delete HANDLE",
		Short:   "Delete an access key: it is refused from then on",
		Example: "  coffer key delete CFAK0123456789ABCDEF",
		Args:    oneArgument("a key's ID or an Access Key ID"),
	}
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := a.client(cmd)
		if err != nil {
			return err
		}
		key, err := c.DeleteKey(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		if *asJSON {
			return writeJSON(a.stdout, key)
		}
		_, err = fmt.Fprintf(a.stdout, "deleted %s (%s)\n", key.ID, key.Current.AccessKeyID)
		return err
	}
	return cmd
}

// printKey prints a key for people, with its secret if the answer has it.
func (a *app) printKey(k api.Key) error {
	t := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "ID\t%s\nName\t%s\nAccount\t%s\nStatus\t%s\nCreated\t%s\n", k.ID, k.Name, k.Account, k.Status, day(k.Created))
	fmt.Fprintf(t, "Access Key ID\t%s\n", k.Current.AccessKeyID)
	if s := k.Current.SecretAccessKey; !s.Empty() {
		fmt.Fprintf(t, "Secret Access Key\t%s\n", s.Reveal())
	}
	return t.Flush()
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") }
