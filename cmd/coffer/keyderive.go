package main

import (
	"crypto/rand"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"coffer"
	"coffer/policy"
)

// processCredentials is what the AWS CLI and the SDKs read from a credential_process
// (AWS CLI User Guide, "Sourcing credentials with an external process").
type processCredentials struct {
	Version         int
	AccessKeyID     string `json:"AccessKeyId"`
	SecretAccessKey string
	SessionToken    string
	Expiration      time.Time
}

func (a *app) keyDeriveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "derive",
		Short: "Make a temporary credential from an access key, offline",
		Long: "Make a temporary credential from the access key in the environment, without asking the\n" +
			"server: an Access Key ID, a secret and a session token for whoever should have less of the\n" +
			"key than all of it, and not for ever. It may do what both its own scope and the key's allow\n" +
			"at the time of a request, and it ends with the key. There is no list of them: to end one\n" +
			"before its time, rotate or pause the key. With --json it is what the AWS CLI and the SDKs\n" +
			"take from a credential_process.",
		Example: "  coffer key derive --preset read-only --bucket photos --prefix 2026/ --expires 1h\n" +
			"  eval \"$(coffer key derive --preset write-only --bucket inbox)\"\n" +
			"  coffer key derive --policy-file policy.json --name build-7 --json",
		Args: noArguments,
	}
	f := cmd.Flags()
	scope := addScopeFlags(f)
	policyFile := f.String("policy-file", "", "an IAM policy that must allow it as well, in a `FILE`, - for standard input")
	expires := f.String("expires", "1h", "when it ends: `SPAN` from now on (90m, 12h, 7d) or a time; a week at most")
	name := f.String("name", "", "`NAME` of the session, for aws:userid in policies")
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		session := coffer.Session{Name: *name, Issued: time.Now().UTC().Truncate(time.Second)}
		var err error
		if session.Scope, err = a.scope(cmd, scope); err != nil {
			return err
		}
		if err := notEmpty(cmd, "policy-file"); err != nil {
			return err
		}
		if session.Policy, err = a.sessionPolicy(*policyFile); err != nil {
			return err
		}
		if session.Expires, err = parseWhen("expires", *expires, session.Issued); err != nil {
			return err
		}
		made, err := a.derive(session)
		if err != nil {
			return err
		}
		if *asJSON {
			return writeJSON(a.stdout, made)
		}
		return a.print(fmt.Sprintf("export AWS_ACCESS_KEY_ID=%s\nexport AWS_SECRET_ACCESS_KEY=%s\nexport AWS_SESSION_TOKEN=%s\n",
			made.AccessKeyID, made.SecretAccessKey, made.SessionToken))
	}
	return cmd
}

// sessionPolicy reads a policy and checks it: the server would refuse everything.
func (a *app) sessionPolicy(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	text, err := a.readInput(path)
	if err != nil {
		return "", usagef("read the policy from %s: %w", path, pathReason(err))
	}
	if _, err := policy.ParseIdentity([]byte(text)); err != nil {
		return "", usagef("the policy in %s: %w", path, err)
	}
	return text, nil
}

// derive signs a session with the pair in the environment.
func (a *app) derive(session coffer.Session) (processCredentials, error) {
	parent, err := a.pair()
	if err != nil {
		return processCredentials{}, err
	}
	if parent.AccessKeyID == "" || parent.Secret.Empty() {
		return processCredentials{}, usagef("set %s and %s (or %s and %s) to the access key to derive from", keyIDVariable, secretVariable, awsKeyIDVariable, awsSecretVariable)
	}
	session.Parent = coffer.AccessKeyID(parent.AccessKeyID)
	if session.ID, err = coffer.NewTemporaryID(rand.Reader); err != nil {
		return processCredentials{}, fmt.Errorf("make Access Key ID: %w", err)
	}
	token, secret, err := session.Issue(parent.Secret)
	if err != nil {
		return processCredentials{}, usagef("%w", err)
	}
	return processCredentials{Version: 1, AccessKeyID: string(session.ID), SecretAccessKey: secret.Reveal(), SessionToken: token, Expiration: session.Expires}, nil
}
