package server

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"coffer"
)

// Ready is what the ready file holds, as JSON: for programs that start coffer
// and need to know where it answers.
type Ready struct {
	S3      string `json:"s3"`      // URL
	Console string `json:"console"` // URL
	Admin   string `json:"admin"`   // URL
	Data    string `json:"data"`    // folder
	PID     int    `json:"pid"`
}

// writeReady puts the file in place as a whole, so that who waits for it never
// reads half of it.
func writeReady(path string, r Ready) error {
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode ready file: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".coffer-ready-*")
	if err != nil {
		return fmt.Errorf("write the ready file %s: %w", path, reason(err))
	}
	_, err = f.Write(append(b, '\n'))
	if err2 := f.Close(); err == nil {
		err = err2
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("write the ready file %s: %w", path, reason(err))
	}
	return nil
}

// greeting is what a person needs after a start. No lasting secret is in it: the
// text may end up in a log. That of an instance which is thrown away is no lasting
// one. The setup link works once, within an hour, and only
// while nobody can sign in yet.
type greeting struct {
	command   string // how this program is run
	data      string // with --data, or "" where the default finds it
	endpoint  string
	console   string
	setup     string // "" when somebody can sign in
	admin     string
	region    string
	keyID     string   // "" when no key of the first account works
	made      bool     // by this start
	notes     []string // what may keep clients from the endpoint
	bundle    string   // what the AWS CLI must be given to trust it, or ""
	throwaway bool
	secret    coffer.Secret // of an instance that is thrown away; empty if the settings have it
}

func (g greeting) write(w io.Writer) error {
	if g.throwaway {
		return g.writeThrowaway(w)
	}
	dataFlag := ""
	if g.data != "" {
		dataFlag = " --data " + shellQuote(g.data)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\ncoffer is running.\n\n")
	fmt.Fprintf(&b, "  Endpoint       %s\n", g.endpoint)
	fmt.Fprintf(&b, "  Region         %s\n", g.region)
	fmt.Fprintf(&b, "  Console        %s\n", g.console)
	if g.keyID == "" {
		fmt.Fprintf(&b, "\nThe first account has no key. Make one:\n\n  %s key create --name root%s\n\n", g.command, dataFlag)
	} else {
		show := fmt.Sprintf("%s key show %s --secret%s", g.command, shellQuote(g.keyID), dataFlag)
		note := ""
		if g.made {
			note = "   (made now)"
		}
		fmt.Fprintf(&b, "  Access Key ID  %s%s\n", g.keyID, note)
		fmt.Fprintf(&b, "  Secret         %s\n", show)
		fmt.Fprintf(&b, "  Health         %s/-/ready\n", g.admin)
		fmt.Fprintf(&b, "\nTry it in another terminal:\n\n")
		fmt.Fprintf(&b, "  AWS_ACCESS_KEY_ID=%s AWS_SECRET_ACCESS_KEY=\"$(%s)\" aws --endpoint-url %s%s --region %s s3 ls\n\n",
			shellQuote(g.keyID), show, shellQuote(g.endpoint), g.bundleFlag(), shellQuote(g.region))
		g.writeNotes(&b)
	}
	if g.setup != "" {
		fmt.Fprintf(&b, "Open this link to become the first member of the console. It works once, within an hour:\n\n  %s\n\n", g.setup)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (g greeting) bundleFlag() string {
	if g.bundle == "" {
		return ""
	}
	return " --ca-bundle " + shellQuote(g.bundle)
}

func (g greeting) writeNotes(w io.Writer) {
	for _, n := range g.notes {
		fmt.Fprintf(w, "  %s\n", n)
	}
	if len(g.notes) > 0 {
		fmt.Fprintln(w)
	}
}

// writeThrowaway is write for an instance that is thrown away: its secret is shown,
// since it opens nothing afterwards.
func (g greeting) writeThrowaway(w io.Writer) error {
	shown, quoted := g.secret.Reveal(), shellQuote(g.secret.Reveal())
	if g.secret.Empty() {
		shown, quoted = "as the settings have it", `"$COFFER_ROOT_SECRET_ACCESS_KEY"`
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\ncoffer is running to be tried out.\n\n")
	fmt.Fprintf(&b, "  WARNING: everything is in %s,\n  which is REMOVED when this server stops. Keep nothing in it.\n\n", g.data)
	fmt.Fprintf(&b, "  Endpoint       %s\n", g.endpoint)
	fmt.Fprintf(&b, "  Region         %s\n", g.region)
	fmt.Fprintf(&b, "  Access Key ID  %s\n", g.keyID)
	fmt.Fprintf(&b, "  Secret         %s\n", shown)
	fmt.Fprintf(&b, "  Console        %s\n", g.console)
	fmt.Fprintf(&b, "\nPaste this into another terminal:\n\n")
	exports := [][2]string{{"AWS_ACCESS_KEY_ID", shellQuote(g.keyID)}, {"AWS_SECRET_ACCESS_KEY", quoted},
		{"AWS_DEFAULT_REGION", shellQuote(g.region)}, {"AWS_ENDPOINT_URL_S3", shellQuote(g.endpoint)}}
	if g.bundle != "" {
		exports = append(exports, [2]string{"AWS_CA_BUNDLE", shellQuote(g.bundle)})
	}
	for _, v := range exports {
		fmt.Fprintf(&b, "  export %s=%s\n", v[0], v[1])
	}
	fmt.Fprintf(&b, "  aws s3 mb s3://first-bucket && echo hello | aws s3 cp - s3://first-bucket/hello.txt && aws s3 ls s3://first-bucket\n\n")
	g.writeNotes(&b)
	if g.setup != "" {
		fmt.Fprintf(&b, "Open this link to sign in to the console:\n\n  %s\n\n", g.setup)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// shellQuote writes s so that a POSIX shell reads it back as one word.
func shellQuote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-./:@%+=,", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
