package main

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"coffer"
	"coffer/api"
	"coffer/server"
)

// The variables that a call to another machine is signed with. The first pair
// goes before the second, which every S3 tool reads.
const (
	urlVariable          = "COFFER_URL"
	keyIDVariable        = "COFFER_ACCESS_KEY_ID"
	secretVariable       = "COFFER_SECRET_ACCESS_KEY"
	awsKeyIDVariable     = "AWS_ACCESS_KEY_ID"
	awsSecretVariable    = "AWS_SECRET_ACCESS_KEY"
	importSecretVariable = "COFFER_IMPORT_SECRET"
)

// remoteHelp is in the help of every group whose commands can be far away.
const remoteHelp = "\n\nThe commands talk to the server that runs on the data folder (--data), or, with --url or\n" +
	"COFFER_URL, to the console of one that runs anywhere. Such calls are signed with the pair in\n" +
	"COFFER_ACCESS_KEY_ID and COFFER_SECRET_ACCESS_KEY, or in AWS_ACCESS_KEY_ID and\n" +
	"AWS_SECRET_ACCESS_KEY; COFFER_SECRET_ACCESS_KEY_FILE may name a file instead."

// addURLFlag adds --url to all commands of a group.
func addURLFlag(group *cobra.Command) *cobra.Command {
	group.PersistentFlags().String("url", "", "`URL` of the console of a server elsewhere, such as https://console.example.com")
	group.Long += remoteHelp
	return group
}

// client reaches the server that --url or COFFER_URL names, or the one that runs
// on the data folder.
func (a *app) client(cmd *cobra.Command) (*api.Client, error) {
	base := a.getenv(urlVariable)
	if f := cmd.Flags().Lookup("url"); f != nil {
		base = cmp.Or(f.Value.String(), base)
		if f.Changed && cmd.Flags().Changed("data") {
			return nil, usagef("--url and --data name two servers: give one")
		}
	}
	// Who names a folder on the command line means it, whatever is in the
	// environment.
	if base == "" || cmd.Flags().Changed("data") {
		data, err := a.data(cmd)
		if err != nil {
			return nil, err
		}
		return api.Dial(server.SocketPath(data)), nil
	}
	pair, err := a.pair()
	if err != nil {
		return nil, err
	}
	if pair.AccessKeyID == "" || pair.Secret.Empty() {
		return nil, usagef("a call to %s must be signed: set %s and %s", base, keyIDVariable, secretVariable)
	}
	c, err := api.DialURL(base, pair)
	if err != nil {
		return nil, usagef("%w", err)
	}
	return c, nil
}

// pair is the access key in the environment; it may be half of one.
func (a *app) pair() (api.Pair, error) {
	p := api.Pair{AccessKeyID: a.getenv(keyIDVariable), Secret: coffer.NewSecretFrom(a.getenv(secretVariable)), Now: time.Now}
	if path := a.getenv(secretVariable + "_FILE"); path != "" && p.Secret.Empty() {
		text, err := readSettingFile(path)
		if err != nil {
			return p, usagef("%s_FILE: %w", secretVariable, err)
		}
		p.Secret = coffer.NewSecretFrom(text)
	}
	if p.AccessKeyID == "" && p.Secret.Empty() {
		p.AccessKeyID, p.Secret = a.getenv(awsKeyIDVariable), coffer.NewSecretFrom(a.getenv(awsSecretVariable))
	}
	return p, nil
}

// readSecret reads a secret from where no other user can see it: a variable, the
// file that NAME_FILE names, or standard input.
func (a *app) readSecret(variable string) (coffer.Secret, error) {
	if s := a.getenv(variable); s != "" {
		return coffer.NewSecretFrom(s), nil
	}
	if path := a.getenv(variable + "_FILE"); path != "" {
		s, err := readSettingFile(path)
		if err != nil {
			return coffer.Secret{}, usagef("%s_FILE: %w", variable, err)
		}
		return coffer.NewSecretFrom(s), nil
	}
	return a.stdinSecret(variable)
}

func (a *app) stdinSecret(variable string) (coffer.Secret, error) {
	line, err := bufio.NewReader(io.LimitReader(a.stdin, settingFileMax)).ReadString('\n')
	if line = strings.TrimRight(line, "\r\n"); line == "" {
		if err == nil || err == io.EOF {
			err = fmt.Errorf("it is empty")
		}
		return coffer.Secret{}, usagef("read the secret from standard input: %w: give it there, or in %s", err, variable)
	}
	return coffer.NewSecretFrom(line), nil
}

// keyCall is a command that takes one key, makes a call and tells what it did.
type keyCall struct {
	use, short, long, example string
	// did is what is printed before the key's name: "paused".
	did  string
	call func(*api.Client, context.Context, string) (api.Key, error)
}

// keyCommandOf makes the command of a call. What it prints is one line, or the
// key with --json.
func (a *app) keyCommandOf(k keyCall) *cobra.Command {
	cmd := &cobra.Command{Use: k.use + " HANDLE", Short: k.short, Long: k.long, Example: k.example,
		Args: oneArgument("a key's ID or an Access Key ID")}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := a.client(cmd)
		if err != nil {
			return err
		}
		key, err := k.call(c, cmd.Context(), args[0])
		if err != nil {
			return err
		}
		return a.tell(*asJSON, key, k.did)
	}
	return cmd
}

// tell prints what was done to a key.
func (a *app) tell(asJSON bool, key api.Key, did string) error {
	if asJSON {
		return writeJSON(a.stdout, key)
	}
	_, err := fmt.Fprintf(a.stdout, "%s %s\n", did, keyTitle(key))
	return err
}

func jsonFlag(cmd *cobra.Command) *bool { return cmd.Flags().Bool("json", false, "print JSON") }
