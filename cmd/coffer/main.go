// Command coffer runs an S3-compatible object store, and lets its operator
// manage one that runs. It turns flags, environment variables and a
// configuration file into a server.Config, and subcommands into calls of the
// server's operator interface; it knows nothing of what either does with them.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"coffer/api"
)

// The exit codes; `coffer help exit-codes` tells of them.
const (
	exitOK       = 0
	exitFailure  = 1
	exitUsage    = 2
	exitNoServer = 3
	exitInUse    = 4
)

func main() {
	a := &app{args: os.Args, environ: os.Environ(), stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}
	os.Exit(a.run())
}

// app is one run of the program and all that it gets from outside.
type app struct {
	args    []string
	environ []string
	stdin   io.Reader
	stdout  io.Writer
	stderr  io.Writer
}

func (a *app) getenv(name string) string {
	for _, kv := range a.environ {
		if k, v, _ := strings.Cut(kv, "="); k == name {
			return v
		}
	}
	return ""
}

// run returns the exit code.
func (a *app) run() int {
	root := a.rootCommand()
	root.SetArgs(a.args[1:])
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	err := root.Execute()
	if err == nil {
		return exitOK
	}
	fmt.Fprintf(a.stderr, "coffer: %s\n", oneLine(err))
	if _, ok := errors.AsType[*usageError](err); ok {
		return exitUsage
	}
	if _, ok := errors.AsType[*checkedError](err); ok {
		return exitUsage
	}
	if _, ok := errors.AsType[*api.NoServerError](err); ok {
		return exitNoServer
	}
	if _, ok := errors.AsType[*inUseError](err); ok {
		return exitInUse
	}
	return exitFailure
}

// oneLine is an error as one sentence: some libraries write several lines, and some of
// the words may be of another server.
func oneLine(err error) string {
	lines := strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' })
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return printable(strings.Join(lines, "; "))
}

// usageError is a mistake on the command line or in the settings.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...)}
}

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "coffer",
		Short: "An S3-compatible object store",
		Long: "coffer is an S3-compatible object store in one program.\n\n" +
			"Start it with `coffer serve`; it shows the endpoint, the Access Key ID, and how to\n" +
			"show the secret. The other commands talk to the server that runs on a data folder.",
		Example:           "  coffer serve --data ./data\n  coffer key list --data ./data",
		SilenceUsage:      true,
		SilenceErrors:     true,
		Args:              noArguments,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: false},
	}
	root.PersistentFlags().String("config", "", "configuration `FILE`, in TOML")
	addSettingFlag(root.PersistentFlags(), settingNamed("data"))
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(
		a.serveCommand(), a.initCommand(), a.configCommand(), a.keyCommand(), a.accountCommand(), a.bucketCommand(), a.memberCommand(),
		a.lifecycleCommand(), a.webhookCommand(), a.replicationCommand(), a.auditCommand(), a.backupCommand(),
		a.checkCommand(), a.repairCommand(), a.scrubCommand(), a.reclaimCommand(), a.versionCommand(), exitCodesTopic())
	return root
}

// noArguments refuses what no command takes; on a command that only groups
// others it is a wrong name.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if !cmd.HasSubCommands() {
		return usagef("%s takes no argument, and got %q: see %s --help", cmd.CommandPath(), args[0], cmd.CommandPath())
	}
	var names []string
	for _, c := range cmd.Commands() {
		names = append(names, c.Name())
	}
	return usagef("there is no command %q%s: see %s --help", cmd.CommandPath()+" "+args[0], didYouMean(args[0], names), cmd.CommandPath())
}

// oneArgument asks for exactly one argument, called name in the text.
func oneArgument(name string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usagef("%s takes one argument, %s, and got %d: see %s --help", cmd.CommandPath(), name, len(args), cmd.CommandPath())
		}
		return nil
	}
}

// flagError names the flag that was probably meant.
func flagError(cmd *cobra.Command, err error) error {
	text := err.Error()
	if name, ok := strings.CutPrefix(text, "unknown flag: --"); ok {
		return usagef("there is no flag --%s%s: see %s --help", name, didYouMean(name, flagNames(cmd)), cmd.CommandPath())
	}
	return usagef("%s: see %s --help", text, cmd.CommandPath())
}

func exitCodesTopic() *cobra.Command {
	return &cobra.Command{
		Use:   "exit-codes",
		Short: "What the exit codes of coffer mean",
		Long: "Exit codes:\n" +
			"  0  it was done; a server that was asked to stop has stopped\n" +
			"  1  it was not done; the text on standard error says why\n" +
			"  2  a mistake on the command line, in a COFFER_ variable or in the configuration file;\n" +
			"     or a check that could not be done\n" +
			"  3  no server runs on the data folder\n" +
			"  4  a credential is in use, so that it was not ended by confirm or cancel",
	}
}
