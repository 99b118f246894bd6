// Package snippets writes what a person pastes into a tool to use it with their
// own endpoint, access key and bucket: the same texts for the console, the
// command line and the tests that run them. It knows nothing of how keys are
// made or kept, nor of HTML.
package snippets

import (
	"embed"
	"encoding/json"
	"fmt"
	"net/url"
	"path"
	"strings"
	"text/template"
)

//go:embed templates/*.txt
var files embed.FS

// Values is what a snippet is filled in with.
type Values struct {
	// Endpoint is the URL of the S3 address, without a slash at its end.
	Endpoint string
	Region   string
	// AccessKeyID and Secret are the credential; a Secret that is empty leaves
	// SecretPlaceholder in its place.
	AccessKeyID string
	Secret      string
	// Bucket is a bucket that exists; "" makes my-bucket.
	Bucket string
	// ReadOnly leaves out what writes, for a key that may not.
	ReadOnly bool
	// New says that Bucket is still to be made; Write finds out.
	New bool
}

// SecretPlaceholder stands where the secret goes while it is not shown.
const SecretPlaceholder = "YOUR-SECRET-ACCESS-KEY"

// Host is the endpoint without its scheme.
func (v Values) Host() string {
	u, err := url.Parse(v.Endpoint)
	if err != nil {
		return v.Endpoint
	}
	return u.Host
}

// HostName is the endpoint's host without its port.
func (v Values) HostName() string {
	u, err := url.Parse(v.Endpoint)
	if err != nil {
		return v.Endpoint
	}
	return u.Hostname()
}

// Port is the endpoint's port, also where the URL leaves it out.
func (v Values) Port() string {
	u, err := url.Parse(v.Endpoint)
	switch {
	case err != nil:
		return ""
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "http":
		return "80"
	}
	return "443"
}

// TLS tells whether the endpoint is reached by https.
func (v Values) TLS() bool { return strings.HasPrefix(v.Endpoint, "https:") }

// Tool is one program or library that there is a snippet for.
type Tool struct {
	// ID is what URLs and the command line call it.
	ID string
	// Name is for people.
	Name string
	// Group gathers tools: "Command line", "Libraries", "Backup", "Deploy".
	Group string
	// Where says what to do with the text: into which file it goes, or that it is
	// run.
	Where string
	// Export tells that `coffer key export` offers it.
	Export bool
}

// tools is in the order in which people are shown them.
var tools = []Tool{
	{"aws-cli", "AWS CLI", "Command line", "Run in a shell.", false},
	{"env", "Environment", "Command line", "Run in a shell. Most tools read these variables; the one for the endpoint is known to AWS SDKs since 2023 (AWS CLI 2.13, boto3 1.28).", true},
	{"aws", "AWS profile", "Command line", "Append to ~/.aws/credentials and ~/.aws/config as marked, then use --profile coffer. Needs AWS CLI 2.13 or 1.29, or an SDK since 2023.", true},
	{"rclone", "rclone", "Command line", "Append to the file that `rclone config file` names.", true},
	{"mc", "mc", "Command line", "Run in a shell.", true},
	{"s3cmd", "s3cmd", "Command line", "Save as ~/.s3cfg.", true},
	{"s5cmd", "s5cmd", "Command line", "Run in a shell.", false},
	{"cyberduck", "Cyberduck", "Command line", "Run in a shell (duck), or open a connection with the same values in Cyberduck.", false},
	{"boto3", "Python (boto3)", "Libraries", "Save as example.py, then: pip install boto3 && python example.py", true},
	{"js", "JavaScript (SDK v3)", "Libraries", "Save as example.mjs, then: npm install @aws-sdk/client-s3 && node example.mjs", true},
	{"go", "Go (SDK v2)", "Libraries", "Save as main.go, then: go mod init example && go mod tidy && go run .", true},
	{"java", "Java (SDK v2)", "Libraries", "Needs software.amazon.awssdk:s3.", false},
	{"dotnet", ".NET", "Libraries", "Needs the package AWSSDK.S3.", false},
	{"php", "PHP", "Libraries", "Save as example.php, then: composer require aws/aws-sdk-php && php example.php", false},
	{"ruby", "Ruby", "Libraries", "Save as example.rb, then: gem install aws-sdk-s3 && ruby example.rb", false},
	{"rust", "Rust", "Libraries", "Needs aws-config, aws-sdk-s3 and tokio.", false},
	{"restic", "restic", "Backup", "Run in a shell.", false},
	{"kopia", "Kopia", "Backup", "Run in a shell.", false},
	{"litestream", "Litestream", "Backup", "Save as litestream.yml.", false},
	{"terraform", "Terraform", "Deploy", "Save as main.tf, then: terraform init && terraform plan", true},
	{"docker", "Docker", "Deploy", "Save as compose.yaml beside the two secret files that it names.", false},
	{"kubernetes", "Kubernetes", "Deploy", "Save as secret.yaml, then: kubectl apply -f secret.yaml", false},
}

// All returns the tools in the order to show them.
func All() []Tool { return append([]Tool(nil), tools...) }

// Find returns the tool called id.
func Find(id string) (Tool, bool) {
	for _, t := range tools {
		if t.ID == id {
			return t, true
		}
	}
	return Tool{}, false
}

// Set is the parsed snippets.
type Set struct{ t *template.Template }

// Parse reads the snippets; an error is a mistake in this package.
func Parse() (*Set, error) {
	t, err := template.New("").Funcs(template.FuncMap{
		"sh": shell, "json": quote, "php": quotePHP, "ruby": quotePHP, "cs": quote, "hcl": quoteHCL,
	}).Option("missingkey=error").ParseFS(files, "templates/*.txt")
	if err != nil {
		return nil, fmt.Errorf("parse snippets: %w", err)
	}
	return &Set{t}, nil
}

// Write fills in the snippet of a tool.
func (s *Set) Write(tool Tool, v Values) (string, error) {
	if v.Secret == "" {
		v.Secret = SecretPlaceholder
	}
	if v.Bucket == "" {
		v.Bucket, v.New = "my-bucket", !v.ReadOnly
	}
	var b strings.Builder
	if err := s.t.ExecuteTemplate(&b, path.Base(tool.ID)+".txt", v); err != nil {
		return "", fmt.Errorf("write the snippet for %s: %w", tool.ID, err)
	}
	return strings.TrimRight(b.String(), "\n") + "\n", nil
}

// shell writes s as one word of a POSIX shell.
func shell(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-./:@%+=,", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// quote writes s as a string of JSON, which is one of Python, JavaScript, Go,
// Java, C#, Rust and YAML too for the printable ASCII that secrets are.
func quote(s string) (string, error) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(s)
	return strings.TrimSuffix(b.String(), "\n"), err
}

// quotePHP writes s in single quotes, where PHP and Ruby know two escapes only.
func quotePHP(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

// quoteHCL writes s as a string of Terraform, which also expands ${ and %{.
func quoteHCL(s string) (string, error) {
	q, err := quote(s)
	return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(q), err
}
