package main

import (
	"crypto/rand"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"coffer/server"
)

func (a *app) initCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Make a data folder with a first account, member and key",
		Long: "Make a data folder as the first start of the server does, and start nothing: the master\n" +
			"key, the first account, its owner, who is the operator of the instance, and its first\n" +
			"access key, which is printed. COFFER_ROOT_EMAIL and COFFER_ROOT_PASSWORD_FILE say who that\n" +
			"is. A folder that is not empty is refused and left as it is. It is for scripts: without\n" +
			"it coffer serve makes the same, and prints a link by which the first member joins.",
		Example: "  COFFER_ROOT_EMAIL=ann@example.com COFFER_ROOT_PASSWORD_FILE=password coffer init --data ./data\n" +
			"  coffer init --data ./data --root-email ann@example.com --json",
		Args: noArguments,
	}
	asJSON := jsonFlag(cmd)
	addSettingFlags(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return a.init(cmd, *asJSON) }
	return cmd
}

func (a *app) init(cmd *cobra.Command, asJSON bool) error {
	v, found, err := a.load(cmd)
	if err != nil {
		return err
	}
	for _, name := range []string{"root_email", "root_password"} {
		if _, ok := found[name]; !ok {
			return usagef("init makes the first member, and %s is not set: set COFFER_ROOT_EMAIL and COFFER_ROOT_PASSWORD_FILE", settingNamed(name).env())
		}
	}
	cfg := v.Config
	if cfg.Logger, err = server.NewLogger(a.stderr, v.logFormat, v.logLevel); err != nil {
		return &usageError{err}
	}
	cfg.Now, cfg.Rand = time.Now, rand.Reader
	cfg.Fatal = func(err error) {
		fmt.Fprintf(a.stderr, "coffer: the metadata could not be written: remove the folder and start again: %s\n", oneLine(err))
		os.Exit(exitFailure)
	}
	umask(0o077)
	made, err := server.Initialize(cmd.Context(), cfg)
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(a.stdout, map[string]string{"data": made.Data, "account": string(made.Account.ID), "email": made.Account.Email,
			"access_key_id": string(made.AccessKeyID), "secret_access_key": made.Secret.Reveal()})
	}
	secret := made.Secret.Reveal()
	if secret == "" {
		secret = "as the settings have it"
	}
	_, err = fmt.Fprintf(a.stdout, "%s is ready.\n\n  Account        %s (%s)\n  Access Key ID  %s\n  Secret         %s\n\nStart the server:\n\n  %s serve --data %s\n",
		made.Data, made.Account.Email, made.Account.ID, made.AccessKeyID, secret, commandName(a.args[0]), made.Data)
	return err
}
