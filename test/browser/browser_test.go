// Package browser_test walks the console as a person does, in Debian's chromium
// against a whole server, and looks at every page in both themes and two widths.
package browser_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"

	"coffer"
	"coffer/server"
)

// patience is how long a page may take to show what is waited for.
const patience = 20 * time.Second

// instance is a server of the test, whose clock the test can move.
type instance struct {
	*server.Server
	ahead atomic.Int64
}

func (i *instance) now() time.Time { return time.Now().Add(time.Duration(i.ahead.Load())) }

// serve starts a server with a fresh data folder.
func serve(t *testing.T) *instance {
	t.Helper()
	i := &instance{}
	cfg := server.NewConfig()
	cfg.Data = filepath.Join(t.TempDir(), "data")
	cfg.S3Addr, cfg.ConsoleAddr, cfg.AdminAddr = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	cfg.MinFree, cfg.Command, cfg.Stdout = 0, "coffer", io.Discard
	cfg.Logger = slog.New(slog.DiscardHandler)
	// A port that nobody listens at: its deliveries are shown as they failed.
	cfg.Webhooks, cfg.WebhooksAllowPrivate = []coffer.Webhook{{Name: "orders", URL: coffer.NewSecretFrom("http://127.0.0.1:1/")}}, true
	cfg.Now, cfg.Rand = i.now, rand.Reader
	cfg.Fatal = func(err error) { t.Errorf("Fatal(%v)", err) }
	s, err := server.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	i.Server = s
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v", err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
	})
	return i
}

// browser is one tab of a chromium with a profile of its own.
type browser struct {
	t   *testing.T
	ctx context.Context

	mu         sync.Mutex
	complaints []string // of the browser about the pages: policy violations, script errors
}

// start opens a chromium. Without one the test is skipped, and says so.
func start(t *testing.T) *browser {
	t.Helper()
	path := chromium(t)
	alloc, cancel := chromedp.NewExecAllocator(context.Background(),
		chromedp.ExecPath(path), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1280, 900),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("hide-scrollbars", true))
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(cancel)
	b := &browser{t: t, ctx: ctx}
	if err := chromedp.Listen(ctx, b.hear); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.quiet)
	return b
}

func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("COFFER_TEST_REQUIRE") != "" {
		t.Fatal("no chromium is installed, and COFFER_TEST_REQUIRE is set")
	}
	t.Skip("SKIPPED, NOT TESTED: no chromium is installed: apt-get install chromium")
	return ""
}

func (b *browser) hear(ev any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch ev := ev.(type) {
	case *log.EventEntryAdded:
		// A refusal that a test provokes is an answer of 4xx, which is no fault.
		if ev.Entry.Level == log.EntryLevelError && ev.Entry.Source != log.EntrySourceNetwork {
			b.complaints = append(b.complaints, ev.Entry.Text)
		}
	case *runtime.EventExceptionThrown:
		b.complaints = append(b.complaints, ev.ExceptionDetails.Text)
	}
}

// quiet fails the test if the browser complained of anything.
func (b *browser) quiet() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.complaints {
		b.t.Errorf("the browser complains: %s", c)
	}
	b.complaints = nil
}

// do runs steps, and ends the test with a picture if one does not work.
func (b *browser) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.fail("%s: %v", what, err)
	}
}

func (b *browser) fail(format string, args ...any) {
	b.t.Helper()
	b.shoot("failure")
	body := eval[string](b, `document.title + "\n" + location.href + "\n" + document.body.innerText.slice(0, 3000)`)
	b.t.Fatalf("%s\npage:\n%s", fmt.Sprintf(format, args...), body)
}

func eval[T any](b *browser, js string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](js, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("evaluate %.120s: %v", js, err)
	}
	return v
}

func (b *browser) open(url string) {
	b.t.Helper()
	b.do("open "+url, chromedp.Navigate(url))
}

// click clicks the button or link that bears a text, or else one that has it in it.
func (b *browser) click(text string) {
	b.t.Helper()
	q := quoteXPath(text)
	find := func(test string) string {
		return `(//button[` + test + `] | //a[` + test + `])[not(ancestor::dialog[not(@open)])][not(ancestor::*[@hidden])]`
	}
	exact, within := find(`normalize-space(.) = `+q), find(`contains(normalize-space(.), `+q+`)`)
	if !b.waits(fmt.Sprintf(`document.readyState === "complete" && document.evaluate(%q, document, null, XPathResult.BOOLEAN_TYPE).booleanValue`, within)) {
		b.fail("there is no %q to click", text)
	}
	sel := within
	if eval[bool](b, fmt.Sprintf(`document.evaluate(%q, document, null, XPathResult.BOOLEAN_TYPE).booleanValue`, exact)) {
		sel = exact
	}
	b.do("click "+text, chromedp.Click(sel))
}

func quoteXPath(s string) string {
	if !strings.Contains(s, "'") {
		return "'" + s + "'"
	}
	return `"` + s + `"`
}

// fill types into the field with a label.
func (b *browser) fill(label, text string) {
	b.t.Helper()
	sel := `//input[@id=//label[contains(normalize-space(.), ` + quoteXPath(label) + `)]/@for]`
	b.do("fill in "+label, chromedp.Clear(sel), chromedp.SendKeys(sel, text))
}

// see waits for a text on the page.
func (b *browser) see(text string) {
	b.t.Helper()
	if !b.waits(fmt.Sprintf(`document.readyState === "complete" && document.body.innerText.includes(%q)`, text)) {
		b.fail("%q is not on the page", text)
	}
}

// waits tells whether an expression becomes true. Errors count as no: the page
// may be on its way to another.
func (b *browser) waits(js string) bool {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for {
		if yes, err := chromedp.Run(ctx, chromedp.Evaluate[bool](js)); err == nil && yes {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
}

// text is what an element shows.
func (b *browser) text(selector string) string {
	b.t.Helper()
	return eval[string](b, fmt.Sprintf(`document.querySelector(%q)?.textContent ?? ""`, selector))
}

// passkeys gives the browser a virtual authenticator that always agrees.
func (b *browser) passkeys() {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, webauthn.Enable, webauthn.EnableParams{}); err != nil {
		b.t.Fatal(err)
	}
	_, err := chromedp.Call(b.ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{
		Options: &webauthn.VirtualAuthenticatorOptions{Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
			HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true}})
	if err != nil {
		b.t.Fatal(err)
	}
}

// shoot keeps a picture of the whole page in the test's artifacts.
func (b *browser) shoot(name string) {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.t.Logf("picture %s: %v", name, err)
		return
	}
	path := filepath.Join(artifacts(b.t), name+".png")
	if err := os.WriteFile(path, png, 0o644); err != nil {
		b.t.Log(err)
	}
}

// artifacts is where pictures go: COFFER_ARTIFACTS, or what go test -artifacts keeps.
func artifacts(t *testing.T) string {
	dir := os.Getenv("COFFER_ARTIFACTS")
	if dir == "" {
		return t.ArtifactDir()
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}
