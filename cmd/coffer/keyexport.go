package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"coffer"
	"coffer/api"
	"coffer/snippets"
)

// exportFormats are the tools that coffer key export writes for.
func exportFormats() []string {
	var out []string
	for _, t := range snippets.All() {
		if t.Export {
			out = append(out, t.ID)
		}
	}
	return out
}

func exportTool(format string) (snippets.Tool, error) {
	tool, ok := snippets.Find(format)
	if !ok || !tool.Export {
		return tool, usagef("there is no format %q%s: choose one of %s", format, didYouMean(format, exportFormats()), strings.Join(exportFormats(), ", "))
	}
	return tool, nil
}

// exportInput says what to write.
type exportInput struct {
	format, output, bucket, endpoint, region string
	stdin                                    bool
}

func (a *app) keyExportCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export HANDLE --format FORMAT",
		Short: "Write an access key for a tool",
		Long: "Write an access key, with its secret and the endpoint, as a tool or a library takes it. The\n" +
			"secret is asked of the server. Where that does not show it, it is the one in the environment\n" +
			"if the Access Key ID there is this key's, or is read from standard input (--secret-stdin);\n" +
			"it is never given on a command line.\n\nFormats: " + strings.Join(exportFormats(), ", ") + ".",
		Example: "  coffer key export CFAK0123456789ABCDEF --format env\n" +
			"  coffer key export CFAK0123456789ABCDEF --format rclone >> ~/.config/rclone/rclone.conf\n" +
			"  coffer key export CFAK0123456789ABCDEF --format s3cmd --output ~/.s3cfg",
		Args: oneArgument("a key's ID or an Access Key ID"),
	}
	var in exportInput
	f := cmd.Flags()
	f.StringVar(&in.format, "format", "", "one of "+strings.Join(exportFormats(), ", ")+"; required")
	f.StringVar(&in.output, "output", "", "write to a new `FILE` with mode 0600 instead of standard output")
	f.StringVar(&in.bucket, "bucket", "", "the `BUCKET` in examples")
	f.StringVar(&in.endpoint, "endpoint", "", "`URL` of the S3 endpoint, if it is not what the server says")
	f.StringVar(&in.region, "region", "", "`REGION`, if it is not the server's first")
	f.BoolVar(&in.stdin, "secret-stdin", false, "read the secret from standard input")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if in.format == "" {
			return usagef("coffer key export needs --format FORMAT: one of %s", strings.Join(exportFormats(), ", "))
		}
		if _, err := exportTool(in.format); err != nil {
			return err
		}
		c, err := a.client(cmd)
		if err != nil {
			return err
		}
		key, err := c.GetKey(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		if key.Current.SecretAccessKey.Secret, err = a.exportSecret(cmd.Context(), c, key, in.stdin); err != nil {
			return err
		}
		return a.exportKey(cmd.Context(), c, key, in)
	}
	return cmd
}

// exportSecret finds the current secret of a key.
func (a *app) exportSecret(ctx context.Context, c *api.Client, key api.Key, stdin bool) (coffer.Secret, error) {
	if stdin {
		return a.stdinSecret("the environment")
	}
	pair, err := a.pair()
	if err != nil {
		return coffer.Secret{}, err
	}
	if pair.AccessKeyID == string(key.Current.AccessKeyID) && !pair.Secret.Empty() && key.Rotation == nil {
		return pair.Secret, nil
	}
	shown, err := c.RevealKey(ctx, string(key.ID))
	if err != nil {
		return coffer.Secret{}, fmt.Errorf("%w: give the secret by --secret-stdin", err)
	}
	return shown.Current.SecretAccessKey.Secret, nil
}

// exportKey writes a key that has its secret.
func (a *app) exportKey(ctx context.Context, c *api.Client, key api.Key, in exportInput) error {
	tool, err := exportTool(in.format)
	if err != nil {
		return err
	}
	instance, err := c.Instance(ctx)
	if err != nil {
		return err
	}
	text, err := export(tool, snippets.Values{Endpoint: strings.TrimRight(cmp.Or(in.endpoint, instance.Endpoint), "/"),
		Region: cmp.Or(in.region, instance.Region), AccessKeyID: string(key.Current.AccessKeyID),
		Secret: key.Current.SecretAccessKey.Reveal(), Bucket: in.bucket,
		ReadOnly: !key.Scope.Allows(coffer.PutObject, coffer.BucketName(cmp.Or(in.bucket, "my-bucket")), "hello.txt")})
	if err != nil {
		return err
	}
	if in.output == "" {
		return a.print(text)
	}
	if err := writePrivate(in.output, func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	}); err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.stderr, "wrote %s. %s\n", in.output, tool.Where)
	return err
}

func export(tool snippets.Tool, v snippets.Values) (string, error) {
	set, err := snippets.Parse()
	if err != nil {
		return "", err
	}
	return set.Write(tool, v)
}

// writePrivate makes a file that only its owner can read. One that is there is
// left alone: it may be somebody's whole configuration.
func writePrivate(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists already: remove it, or choose another --output", path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, pathReason(err))
	}
	if err = errors.Join(write(f), f.Close()); err != nil {
		_ = os.Remove(path) // half of it helps nobody
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
