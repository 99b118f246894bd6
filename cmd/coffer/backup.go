package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"coffer/api"
	"coffer/backup"
	"coffer/server"
)

// progressEvery is how often a long command says how far it is.
const progressEvery = 5 * time.Second

func (a *app) backupCommand() *cobra.Command {
	group := &cobra.Command{
		Use:   "backup",
		Short: "Make, check and restore backups of everything",
		Long: "Make, check and restore backups of everything: accounts, keys, buckets, objects, versions.\n\n" +
			"DEST is a folder, or s3://BUCKET/PREFIX?endpoint=URL with the access key in\n" +
			"COFFER_BACKUP_ACCESS_KEY_ID and COFFER_BACKUP_SECRET_ACCESS_KEY, or in the AWS_ variables\n" +
			"of these names. Each server needs a DEST of its own.\n\n" +
			"Everything in a backup is encrypted under the master key, which is never in it: without\n" +
			"that key, kept somewhere else, a backup is of no use. The commands read it from\n" +
			"--master-key-file, COFFER_MASTER_KEY or master.key in the data folder.",
		Example: "  coffer backup create /mnt/backup --incremental\n  coffer backup restore /mnt/backup --data ./new --master-key-file ./master.key",
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	addSettingFlag(group.PersistentFlags(), settingNamed("master_key_file"))
	group.AddCommand(a.backupCreateCommand(), a.backupListCommand(), a.backupVerifyCommand(), a.backupRestoreCommand(), a.backupPruneCommand())
	return group
}

// backupArguments are a destination, and the ID of a backup if withID.
func backupArguments(withID bool) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 1 || len(args) == 2 && withID {
			return nil
		}
		what := "one argument, DEST"
		if withID {
			what = "DEST and maybe an ID"
		}
		return usagef("%s takes %s, and got %d arguments: see %s --help", cmd.CommandPath(), what, len(args), cmd.CommandPath())
	}
}

// repository opens the backups that a command is about; the first signal ends the
// context that comes with it.
func (a *app) repository(cmd *cobra.Command, dest string) (context.Context, func(), server.Config, *backup.Repository, error) {
	cfg, key, store, err := a.backupPlace(cmd, dest)
	if err != nil {
		return nil, nil, cfg, nil, err
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, syscall.SIGINT)
	repo, err := backup.Open(ctx, store, key, rand.Reader)
	if err != nil {
		stop()
	}
	return ctx, stop, cfg, repo, err
}

func (a *app) backupPlace(cmd *cobra.Command, dest string) (cfg server.Config, key backup.Key, store backup.Store, err error) {
	v, _, err := a.load(cmd)
	if err != nil {
		return cfg, key, nil, err
	}
	cfg = v.Config
	if cfg.Data, err = filepath.Abs(cfg.Data); err != nil {
		return cfg, key, nil, err
	}
	if cfg.Logger, err = server.NewLogger(a.stderr, v.logFormat, "warn"); err != nil {
		return cfg, key, nil, &usageError{err}
	}
	cfg.Now, cfg.Rand, cfg.Stdout = time.Now, rand.Reader, a.stdout
	cfg.Fatal = func(err error) { fmt.Fprintf(a.stderr, "coffer: %s\n", oneLine(err)) }
	pair, err := a.backupPair()
	if err != nil {
		return cfg, key, nil, err
	}
	store, err = backup.At(dest, func(name string) string {
		if text, own := pair[name]; own {
			return text
		}
		return a.getenv(name)
	})
	if err != nil {
		return cfg, key, nil, usagef("%w", err)
	}
	key, err = server.BackupKey(cfg)
	umask(0o077)
	return cfg, key, store, err
}

// The variables of the access key for a DEST in S3, before those of AWS.
const (
	backupKeyIDVariable  = "COFFER_BACKUP_ACCESS_KEY_ID"
	backupSecretVariable = "COFFER_BACKUP_SECRET_ACCESS_KEY"
	awsTokenVariable     = "AWS_SESSION_TOKEN"
)

// backupPair is the access key for a destination, under the names of AWS: those
// variables count only where coffer's own are not set; nil then.
func (a *app) backupPair() (map[string]string, error) {
	id, secret := a.getenv(backupKeyIDVariable), a.getenv(backupSecretVariable)
	if path := a.getenv(backupSecretVariable + "_FILE"); path != "" && secret == "" {
		var err error
		if secret, err = readSettingFile(path); err != nil {
			return nil, usagef("%s_FILE: %w", backupSecretVariable, err)
		}
	}
	if (id == "") != (secret == "") {
		return nil, usagef("only one of %s and %s is set: set both, or neither", backupKeyIDVariable, backupSecretVariable)
	}
	if id == "" {
		return nil, nil
	}
	return map[string]string{awsKeyIDVariable: id, awsSecretVariable: secret, awsTokenVariable: ""}, nil
}

// progress returns a call that prints how far the work is, from time to time.
func (a *app) progress(doing string) func(backup.Progress) {
	last := time.Now()
	return func(p backup.Progress) {
		if time.Since(last) < progressEvery {
			return
		}
		last = time.Now()
		fmt.Fprintf(a.stderr, "%s: %d records, %d blobs, %d of them copied, %s\n", doing, p.Records, p.Blobs, p.Copied, sizeWords(p.CopiedBytes))
	}
}

// sizeWords writes a number of bytes for people.
func sizeWords(n int64) string {
	const units = "KMGTPE"
	if n < 1000 {
		return strconv.FormatInt(n, 10) + " bytes"
	}
	f, unit := float64(n), -1
	for f >= 999.5 && unit < len(units)-1 {
		f, unit = f/1000, unit+1
	}
	return fmt.Sprintf("%.3g %cB", f, units[unit])
}

func (a *app) backupCreateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create DEST",
		Short: "Make a backup of the server that runs",
		Long: "Make a backup of the server that runs, as it is at one moment, while it goes on serving. Each\n" +
			"blob is stored once, however many backups in DEST have it. Those that are there are read, and\n" +
			"copied again if they are damaged; with --incremental they are trusted.\n\n" +
			"What is deleted while a backup is made keeps its room on the disk until the end. A backup that\n" +
			"is cut short is none, and the next one goes on with the blobs that it has copied.",
		Example: "  coffer backup create /mnt/backup\n  coffer backup create 's3://backups/coffer?endpoint=https://s3.example.com' --incremental",
		Args:    backupArguments(false),
	}
	incremental := cmd.Flags().Bool("incremental", false, "trust the blobs that are in DEST, and copy only those that are not")
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		cfg, key, store, err := a.backupPlace(cmd, args[0])
		if err != nil {
			return err
		}
		ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, syscall.SIGINT)
		defer stop()
		c := api.Dial(server.SocketPath(cfg.Data))
		m, err := backup.Create(ctx, &backup.Client{HTTP: c.HTTP, Base: c.Base}, store, key, rand.Reader,
			backup.CreateOptions{Incremental: *incremental, Progress: a.progress("backup")})
		if e, ok := errors.AsType[*api.NoServerError](err); ok {
			return e // without the URL, which means nothing on a socket
		}
		if err != nil {
			return err
		}
		if *asJSON {
			err = writeJSON(a.stdout, m)
		} else {
			_, err = fmt.Fprintf(a.stdout, "made backup %s: %d records, %d blobs, %d of them new with %s\n", m.ID, m.Records, m.Blobs, m.Added, sizeWords(m.AddedBytes))
		}
		if n := len(m.Damaged); err == nil && n > 0 {
			err = fmt.Errorf("the backup %s is made, but lacks %d blobs that cannot be read here either, %s the first: the objects that need them are damaged", m.ID, n, m.Damaged[0])
		}
		return err
	}
	return cmd
}

func (a *app) backupListCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list DEST",
		Short:   "List the backups, the oldest first",
		Example: "  coffer backup list /mnt/backup",
		Args:    backupArguments(false),
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx, stop, _, repo, err := a.repository(cmd, args[0])
		if err != nil {
			return err
		}
		defer stop()
		all, damaged := repo.List(ctx)
		if all == nil {
			return damaged
		}
		if *asJSON {
			return errors.Join(writeJSON(a.stdout, all), damaged)
		}
		t := newTable(a.stdout, "ID", "MADE", "RECORDS", "METADATA", "BLOBS", "NEW", "DAMAGED")
		for _, m := range all {
			t.row(m.ID, ago(m.Time, time.Now()), fmt.Sprint(m.Records), sizeWords(m.RecordBytes), fmt.Sprint(m.Blobs),
				fmt.Sprintf("%d (%s)", m.Added, sizeWords(m.AddedBytes)), fmt.Sprint(len(m.Damaged)))
		}
		return errors.Join(t.flush(), damaged)
	}
	return cmd
}

// chosen is the backup that the arguments name: the latest if they name none.
func chosen(ctx context.Context, repo *backup.Repository, args []string) (backup.Manifest, error) {
	id := ""
	if len(args) > 1 {
		id = args[1]
	}
	return repo.Find(ctx, id)
}

// tellProblems prints what is wrong with a backup, and makes an error of it.
func (a *app) tellProblems(r *backup.Report, asJSON bool) error {
	if r.Damaged == 0 {
		return nil
	}
	if !asJSON {
		for _, p := range r.Problems {
			fmt.Fprintln(a.stdout, printable(p))
		}
	}
	return fmt.Errorf("%d files of the backup %s are damaged or missing", r.Damaged, r.ID)
}

func (a *app) backupVerifyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "verify DEST [ID]",
		Short:   "Read every byte of a backup and check it",
		Long:    "Read every byte of a backup and check it: the latest, or the one with an ID.",
		Example: "  coffer backup verify /mnt/backup",
		Args:    backupArguments(true),
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx, stop, _, repo, err := a.repository(cmd, args[0])
		if err != nil {
			return err
		}
		defer stop()
		m, err := chosen(ctx, repo, args)
		if err != nil {
			return err
		}
		r, err := repo.Verify(ctx, m, a.progress("verify"))
		if err != nil {
			return err
		}
		if *asJSON {
			err = writeJSON(a.stdout, r)
		} else if r.Damaged == 0 {
			_, err = fmt.Fprintf(a.stdout, "backup %s is whole: %d records, %d blobs with %s\n", r.ID, r.Records, r.Blobs, sizeWords(r.Bytes))
		}
		return errors.Join(a.tellProblems(r, *asJSON), err)
	}
	return cmd
}

func (a *app) backupRestoreCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "restore DEST [ID] --data NEWDIR",
		Short: "Make a new data folder of a backup",
		Long: "Make a new data folder of a backup: the latest, or the one with an ID. NEWDIR must not be there,\n" +
			"or be empty but for the master.key that belongs to the backup. Every byte is checked.\n\n" +
			"All is as it was when the backup was made. Keys that were revoked then stay revoked; those that\n" +
			"were revoked later work again, until they are revoked again. Nobody is signed in, and links that\n" +
			"were not used do not work.",
		Example: "  coffer backup restore /mnt/backup --data ./new --master-key-file ./master.key\n  coffer backup restore /mnt/backup 20260901T120000123Z-0a1b2c3d --data ./new",
		Args:    backupArguments(true),
	}
	keepGoing := cmd.Flags().Bool("keep-going", false, "leave out what is damaged, and tell of it in the end")
	addSettingFlag(cmd.Flags(), settingNamed("data_disks"))
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if !cmd.Flags().Changed("data") {
			return usagef("name the new folder with --data")
		}
		ctx, stop, cfg, repo, err := a.repository(cmd, args[0])
		if err != nil {
			return err
		}
		defer stop()
		m, err := chosen(ctx, repo, args)
		if err != nil {
			return err
		}
		r, err := server.Restore(ctx, cfg, repo, m, backup.RestoreOptions{KeepGoing: *keepGoing, Progress: a.progress("restore")})
		if err != nil {
			return err
		}
		if *asJSON {
			err = writeJSON(a.stdout, r)
		} else {
			err = a.tellRestored(r, m)
		}
		return errors.Join(a.tellProblems(r.Report, *asJSON), err)
	}
	return cmd
}

func (a *app) tellRestored(r server.Restored, m backup.Manifest) error {
	command := "coffer serve --data " + r.Data
	for i, dir := range r.DataDisks {
		if i == 0 {
			command += " --data-disks " + dir
		} else {
			command += "," + dir
		}
	}
	_, err := fmt.Fprintf(a.stdout, "restored %s to %s: %d records, %d blobs with %s\n"+
		"start it, with the same master key: %s\n"+
		"keys that were revoked after %s work again: revoke them before clients come back\n",
		r.ID, r.Data, r.Records, r.Blobs, sizeWords(r.Bytes), command, day(m.Time))
	return err
}

func (a *app) backupPruneCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "prune DEST --keep N",
		Short:   "Remove all but the latest backups",
		Long:    "Remove all but the latest backups, and what none of those needs.",
		Example: "  coffer backup prune /mnt/backup --keep 14",
		Args:    backupArguments(false),
	}
	keep := cmd.Flags().Int("keep", 0, "how many `N` backups are kept, 1 or more")
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *keep < 1 {
			return usagef("--keep is %d: say how many backups are kept, 1 or more", *keep)
		}
		ctx, stop, _, repo, err := a.repository(cmd, args[0])
		if err != nil {
			return err
		}
		defer stop()
		p, err := repo.Prune(ctx, *keep)
		if err != nil {
			return err
		}
		if *asJSON {
			return writeJSON(a.stdout, p)
		}
		_, err = fmt.Fprintf(a.stdout, "removed %d backups and %d files; %d backups are kept\n", len(p.Removed), p.Files, len(p.Kept))
		return err
	}
	return cmd
}
