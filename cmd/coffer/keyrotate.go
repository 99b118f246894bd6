package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"coffer"
	"coffer/api"
)

// inUseError is a confirm or cancel that was refused because the credential is
// in use: exit code 4, so that a script can tell it from a failure.
type inUseError struct{ err error }

func (e *inUseError) Error() string { return e.err.Error() }
func (e *inUseError) Unwrap() error { return e.err }

func (a *app) keyRotateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rotate HANDLE",
		Short: "Make a new credential beside the old one; both work until confirm or cancel",
		Long: "Make a new credential and print it with its secret. It and the old one work, with the same\n" +
			"scope, until coffer key confirm ends the old one or coffer key cancel the new one.\n\n" +
			"For scripts: --confirm ends the old credential in the same run, with --wait-idle TIME once\n" +
			"nobody has used it for so long since the rotation began, nor within 15 minutes. The new pair\n" +
			"is printed before the waiting begins; with --json two documents are printed, the second one\n" +
			"after confirm. A call that is signed with the old pair goes on with the new one by itself.\n\n" +
			"Exit codes: 0 done; 4 the old credential is still in use (after --give-up, or without\n" +
			"--wait-idle), and the rotation goes on; others as in coffer help exit-codes.",
		Example: "  coffer key rotate CFAK0123456789ABCDEF\n" +
			"  coffer key rotate CFAK0123456789ABCDEF --same-id --reason leaked\n" +
			"  coffer key rotate CFAK0123456789ABCDEF --confirm-by 7d\n" +
			"  coffer key rotate CFAK0123456789ABCDEF --wait-idle 1h --confirm --give-up 24h --export env --output new.env",
		Args: oneArgument("a key's ID or an Access Key ID"),
	}
	in := api.RotateInput{}
	f := cmd.Flags()
	f.BoolVar(&in.SameID, "same-id", false, "keep the Access Key ID and change only the secret")
	reason := f.String("reason", "", "`WHY`: routine, leaked or other")
	by := f.String("confirm-by", "", "`WHEN` the server confirms by itself if the old credential is idle: 7d or 2027-01-31T00:00:00Z")
	w := waiting{}
	f.BoolVar(&w.confirm, "confirm", false, "end the old credential, too")
	idle := f.String("wait-idle", "", "with --confirm: wait until the old credential was not used for this `TIME`, such as 1h")
	giveUp := f.String("give-up", "", "with --wait-idle: end with exit code 4 after this `TIME`; never if not given")
	f.BoolVar(&w.EvenIfInUse, "even-if-in-use", false, "with --confirm: although it is in use")
	f.BoolVar(&w.KeepLinks, "keep-links", false, "with --confirm: pre-signed URLs that were given out work until they expire")
	export := f.String("export", "", "write the new pair in this `FORMAT`, see coffer key export; needs --output")
	output := f.String("output", "", "`FILE` for --export, made with mode 0600")
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		in.Reason = coffer.RotationReason(*reason)
		var err error
		if in.ConfirmBy, err = parseWhen("confirm-by", *by, time.Now()); err != nil {
			return err
		}
		if err := w.parse(*idle, *giveUp); err != nil {
			return err
		}
		if (*export == "") != (*output == "") {
			return usagef("--export FORMAT and --output FILE go together")
		}
		if _, err := exportTool(cmp.Or(*export, "env")); err != nil {
			return err
		}
		c, err := a.client(cmd)
		if err != nil {
			return err
		}
		key, err := c.RotateKey(cmd.Context(), args[0], in)
		if err != nil {
			return err
		}
		if err := a.show(*asJSON, key); err != nil {
			return err
		}
		goOnWith(c, key)
		if *export != "" {
			if err := a.exportKey(cmd.Context(), c, key, exportInput{format: *export, output: *output}); err != nil {
				return err
			}
		}
		if !w.confirm {
			return a.next(*asJSON, key)
		}
		key, err = a.confirmWhenIdle(cmd.Context(), c, key, w)
		if err != nil {
			return err
		}
		return a.tell(*asJSON, key, "confirmed")
	}
	return cmd
}

// goOnWith signs the calls that follow with the new pair if they were signed with
// the old one, which would be its only user, and confirm for ever refused.
func goOnWith(c *api.Client, key api.Key) {
	if c.Pair != nil && key.Outgoing != nil && c.Pair.AccessKeyID == string(key.Outgoing.AccessKeyID) {
		c.Pair.AccessKeyID, c.Pair.Secret = string(key.Current.AccessKeyID), key.Current.SecretAccessKey.Secret
	}
}

// next says what to do after a rotation began.
func (a *app) next(asJSON bool, key api.Key) error {
	if asJSON {
		return nil
	}
	return a.print(fmt.Sprintf("\nBoth credentials work now. See who still uses the old one, then end it:\n\n  coffer key usage %s\n  coffer key confirm %s\n", key.ID, key.ID))
}

// waiting is how long to wait before the old credential is ended.
type waiting struct {
	confirm bool
	idle    time.Duration
	giveUp  time.Duration // 0 is never
	waits   bool
	api.ConfirmInput
}

func (w *waiting) parse(idle, giveUp string) error {
	var err error
	if w.waits = idle != ""; w.waits {
		if w.idle, err = parseSpan(idle); err != nil {
			return usagef("--wait-idle is %q: write it as 30m or 1h", idle)
		}
	}
	if giveUp != "" {
		if w.giveUp, err = parseSpan(giveUp); err != nil || w.giveUp == 0 {
			return usagef("--give-up is %q: write it as 24h or 7d", giveUp)
		}
	}
	switch {
	case !w.confirm && (w.waits || w.EvenIfInUse || w.KeepLinks):
		return usagef("--wait-idle, --even-if-in-use and --keep-links say how to confirm: give --confirm, too")
	case w.giveUp != 0 && !w.waits:
		return usagef("--give-up needs --wait-idle")
	}
	return nil
}

// The time between two looks at who uses a credential.
const (
	pollMin = 200 * time.Millisecond
	pollMax = 30 * time.Second
)

// confirmWhenIdle ends the outgoing credential of a rotation that this run began,
// once it was idle for long enough.
func (a *app) confirmWhenIdle(ctx context.Context, c *api.Client, key api.Key, w waiting) (api.Key, error) {
	id, began := string(key.ID), time.Now()
	poll := min(max(w.idle/20, pollMin), pollMax)
	for {
		idle := w.idle
		if w.waits {
			u, err := c.KeyUsage(ctx, id)
			if err != nil {
				return api.Key{}, err
			}
			if u.Key.Rotation == nil || !u.Key.Rotation.Began.Equal(key.Rotation.Began) {
				return api.Key{}, fmt.Errorf("the rotation of %s was confirmed or canceled by somebody else meanwhile", id)
			}
			idle = idleFor(u, began, time.Now())
		}
		if !w.waits || idle >= w.idle {
			done, err := c.ConfirmKey(ctx, id, w.ConfirmInput)
			if !isInUse(err) {
				return done, err
			}
			if !w.waits {
				return api.Key{}, a.inUse(err)
			}
		}
		if w.giveUp > 0 && time.Since(began) >= w.giveUp {
			return api.Key{}, &inUseError{fmt.Errorf("the credential %s is still in use after %s: the rotation goes on, "+
				"see coffer key usage %s", key.Outgoing.AccessKeyID, w.giveUp, id)}
		}
		if err := wait(ctx, poll); err != nil {
			return api.Key{}, err
		}
	}
}

// idleFor is how long nobody has used the outgoing credential, counted from when
// the rotation began. Times of the server are compared with each other only.
func idleFor(u api.Usage, began, now time.Time) time.Duration {
	since := now.Sub(began)
	if last := lastUsed(*u.Key.Outgoing); last != nil && last.After(u.Key.Rotation.Began) {
		since -= last.Sub(u.Key.Rotation.Began)
	}
	return since
}

func isInUse(err error) bool {
	e, ok := errors.AsType[*api.Error](err)
	return ok && e.Code == api.KeyInUse()
}

// inUse prints who uses the credential, if that is why err came.
func (a *app) inUse(err error) error {
	e, ok := errors.AsType[*api.Error](err)
	if !ok || !isInUse(err) {
		return err
	}
	if e.InUse != nil {
		if err := usersTable(a.stderr, e.InUse.Clients, time.Now()); err != nil {
			return err
		}
	}
	return &inUseError{err}
}

func (a *app) keyConfirmCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "confirm HANDLE",
		Short: "End the old credential of a rotation",
		Long: "End the old credential of a rotation: from the answer on it is refused. If it was used within\n" +
			"the last 15 minutes this is refused with exit code 4 and the list of who used it, unless\n" +
			"--even-if-in-use is given.",
		Example: "  coffer key confirm CFAK0123456789ABCDEF\n  coffer key confirm CFAK0123456789ABCDEF --even-if-in-use --keep-links",
		Args:    oneArgument("a key's ID or an Access Key ID"),
	}
	var in api.ConfirmInput
	cmd.Flags().BoolVar(&in.EvenIfInUse, "even-if-in-use", false, "although it was used within the last 15 minutes")
	cmd.Flags().BoolVar(&in.KeepLinks, "keep-links", false, "pre-signed URLs that were given out before now work until they expire")
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := a.client(cmd)
		if err != nil {
			return err
		}
		key, err := c.ConfirmKey(cmd.Context(), args[0], in)
		if err != nil {
			return a.inUse(err)
		}
		return a.tell(*asJSON, key, "confirmed")
	}
	return cmd
}

func (a *app) keyCancelCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cancel HANDLE",
		Short: "Go back to the old credential of a rotation",
		Long: "End the new credential of a rotation; the old one is the only one again. If the new one was\n" +
			"used within the last 15 minutes this is refused with exit code 4 and the list of who used\n" +
			"it, unless --even-if-in-use is given.",
		Example: "  coffer key cancel CFAK0123456789ABCDEF",
		Args:    oneArgument("a key's ID or an Access Key ID"),
	}
	var in api.CancelInput
	cmd.Flags().BoolVar(&in.EvenIfInUse, "even-if-in-use", false, "although the new one was used within the last 15 minutes")
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := a.client(cmd)
		if err != nil {
			return err
		}
		key, err := c.CancelKey(cmd.Context(), args[0], in)
		if err != nil {
			return a.inUse(err)
		}
		return a.tell(*asJSON, key, "canceled: the credential is again")
	}
	return cmd
}

func (a *app) keyScreamTestCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "scream-test HANDLE --minutes N",
		Short: "Refuse the old credential of a rotation for some minutes, to find who needs it",
		Long: "Refuse the old credential of a rotation for 1 to 60 minutes. It comes back by itself; coffer\n" +
			"key usage tells who was refused. With --minutes 0 the test ends at once.",
		Example: "  coffer key scream-test CFAK0123456789ABCDEF --minutes 5",
		Args:    oneArgument("a key's ID or an Access Key ID"),
	}
	minutes := cmd.Flags().Int("minutes", -1, "how many: 1 to 60, or 0 to end the test; required")
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if !cmd.Flags().Changed("minutes") {
			return usagef("coffer key scream-test needs --minutes N")
		}
		c, err := a.client(cmd)
		if err != nil {
			return err
		}
		key, err := c.ScreamTestKey(cmd.Context(), args[0], *minutes)
		if err != nil {
			return err
		}
		if *minutes == 0 {
			return a.tell(*asJSON, key, "the scream test is over:")
		}
		return a.tell(*asJSON, key, fmt.Sprintf("the old credential is refused for %d minutes:", *minutes))
	}
	return cmd
}
