package browser_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"coffer/sigv4"
)

const password = "quiet harbour lantern 27"

// setUp makes the first member through the setup link, with a password and a
// passkey.
func (b *browser) setUp(i *instance) {
	b.t.Helper()
	b.passkeys()
	b.open(i.SetupURL())
	b.see("Set up coffer")
	b.fill("E-mail address", "ann@example.com")
	b.fill("Your name", "Ann Archer")
	b.fill("Name of the account", "Archer & Co")
	b.fill("Password", password)
	b.click("Go on")
	b.see("Add a second factor")
	b.click("Make a passkey")
	b.see("Your recovery codes")
	b.click("I have kept them")
	b.see("Welcome to coffer")
}

// pair is a key as a page shows it.
type pair struct{ id, secret string }

// list sends a signed ListBuckets as a client called agent, and returns the
// status with S3's code and message.
func (i *instance) list(t *testing.T, p pair, agent string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, i.Endpoint()+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("User-Agent", agent)
	empty := sha256.Sum256(nil)
	sigv4.Sign(req, p.id, p.secret, "auto", "s3", hex.EncodeToString(empty[:]), i.now())
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var e struct{ Code, Message string }
	_ = xml.Unmarshal(body, &e)
	return resp.StatusCode, e.Code + ": " + e.Message
}

// boto lists buckets with boto3 until the test ends, and tells whether there is
// boto3 to do it with.
func (i *instance) boto(t *testing.T, p pair) bool {
	t.Helper()
	const loop = `
import itertools, time, boto3
s3 = boto3.client("s3")
for _ in itertools.repeat(None, 600):
    try: s3.list_buckets()
    except Exception: pass
    time.sleep(0.1)
`
	const python = "/usr/bin/python3"
	if err := exec.Command(python, "-c", "import boto3").Run(); err != nil {
		t.Logf("NOT TESTED: boto3 during the rotation, %s has none: %v", python, err)
		return false
	}
	cmd := exec.CommandContext(t.Context(), python, "-c", strings.Replace(loop, `"s3")`, `"s3", endpoint_url="`+i.Endpoint()+`")`, 1))
	cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID="+p.id, "AWS_SECRET_ACCESS_KEY="+p.secret, "AWS_DEFAULT_REGION=auto")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return true
}

// TestAPersonsFirstDay is the page of the mission: a person sets up, signs in,
// sees the key, pastes a snippet, rotates, and confirms.
func TestAPersonsFirstDay(t *testing.T) {
	i := serve(t)
	b := start(t)
	b.setUp(i)

	// Access Keys → Reveal.
	b.click("Access keys")
	b.see("What programs sign in with")
	b.click("Reveal")
	b.see("recorded in the audit log")
	old := pair{b.text("[id^='id-key_']"), b.text("[id^='secret-key_']")}
	if status, why := i.list(t, old, "first/1.0"); status != http.StatusOK {
		t.Fatalf("ListBuckets with the revealed pair = %d %s, want 200", status, why)
	}

	// Connect: the snippet, pasted into a real shell.
	b.click("Connect")
	b.see("Ready to paste")
	b.click("Write the secret into the snippets")
	b.see(old.secret)
	b.runSnippet(b.text("#t-aws-cli"))
	b.click("Test this key")
	b.see("The key works")

	// Rotate: both work, and the page shows who still uses the old one.
	b.click("Access keys")
	b.click("Rotate")
	b.see("What will happen")
	b.click("Rotate now")
	b.see("Rotation of root")
	fresh := pair{b.text("#new-id"), b.text("#new-secret")}
	if fresh.id == old.id || fresh.secret == old.secret || fresh.secret == "" {
		t.Fatalf("after Rotate the page shows the ID %s, want another pair than %s", fresh.id, old.id)
	}
	if !b.waits(`document.querySelector("live-region [data-state]").dataset.state === "on"`) {
		b.fail("the list is not live")
	}
	for _, p := range []pair{old, fresh} {
		if status, why := i.list(t, p, "laggard/2.1"); status != http.StatusOK {
			t.Fatalf("ListBuckets with %s during the rotation = %d %s, want 200", p.id, status, why)
		}
	}
	b.see("laggard/2.1") // by itself: nothing was clicked
	if i.boto(t, old) {
		b.see("Boto3/")
	}

	// Confirm is refused while the old one is in use, then done.
	b.click("Confirm")
	b.see("Not confirmed: the old credential is in use")
	if status, why := i.list(t, old, "laggard/2.1"); status != http.StatusOK {
		t.Fatalf("ListBuckets with the old pair after a refused Confirm = %d %s, want 200", status, why)
	}
	b.click("Confirm even so")
	b.see("The rotation is confirmed")
	status, why := i.list(t, old, "laggard/2.1")
	if status != http.StatusForbidden || !strings.Contains(why, "InvalidAccessKeyId: This access key was rotated out") {
		t.Errorf("ListBuckets with the old pair after Confirm = %d %s, want 403 and why", status, why)
	}
	if status, why := i.list(t, fresh, "first/1.0"); status != http.StatusOK {
		t.Errorf("ListBuckets with the new pair after Confirm = %d %s, want 200", status, why)
	}

	// Sign out, and in again with the passkey alone.
	b.click("Sign out")
	b.see("You are signed out")
	b.open(i.ConsoleURL() + "/keys")
	b.see("Sign in")
	b.click("Sign in with a passkey")
	b.see("What programs sign in with")
	if stored := eval[string](b, `JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])`); stored != `[{},{},""]` {
		t.Errorf("scripts can read %s, want nothing", stored)
	}
}

// runSnippet runs a snippet exactly as it stands, where the AWS CLI is there.
func (b *browser) runSnippet(text string) {
	b.t.Helper()
	if _, err := exec.LookPath("aws"); err != nil {
		b.t.Log("NOT TESTED: the snippet was not run, there is no aws")
		return
	}
	home := b.t.TempDir()
	cmd := exec.Command("sh", "-e")
	cmd.Dir = home
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home}
	cmd.Stdin = strings.NewReader(text)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "hello.txt") {
		b.t.Errorf("the AWS CLI snippet, run in a shell: %v, want hello.txt listed\n%s", err, out)
	}
}

// TestOnlyTheChosenWayToSayAScopeIsThere holds that a person who has filled in rights
// sees that they count, and that what was typed for another way is not lost.
func TestOnlyTheChosenWayToSayAScopeIsThere(t *testing.T) {
	i := serve(t)
	b := start(t)
	b.setUp(i)
	b.open(i.ConsoleURL() + "/keys/new")
	there := func(lines, policy bool) {
		t.Helper()
		const shown = `document.querySelector(%s).checkVisibility()`
		for selector, want := range map[string]bool{"select[name=preset]": lines, "textarea[name=policy]": policy} {
			if got := eval[bool](b, fmt.Sprintf(shown, strconv.Quote(selector))); got != want {
				t.Errorf("%s is visible: %t, want %t", selector, got, want)
			}
		}
	}
	b.fill("Name", "ci")
	there(false, false)
	b.do("choose lines", clickCSS(`input[name=scope][value=limited]`))
	there(true, false)
	b.fill("Buckets", "photos")
	b.do("choose a policy", clickCSS(`input[name=scope][value=policy]`))
	there(false, true)
	b.click("Make the key")
	b.see("ci is ready")
	b.see("s3:ListBucket, s3:GetObject, s3:PutObject, s3:DeleteObject on my-bucket")
	b.click("To the list")
	b.click("Details of ci")
	b.see("Who uses it")
	there(false, true)
	b.do("choose lines", clickCSS(`input[name=scope][value=limited]`))
	eval[bool](b, `document.querySelector("select[name=preset]").value = "list-only"; true`)
	b.click("Say what it allows")
	b.see("list-only on all buckets: list objects; not read them")
	there(true, false)
	b.click("Save the scope")
	b.see("The scope was changed")
}

func TestAFolderIsDropped(t *testing.T) {
	i := serve(t)
	b := start(t)
	b.setUp(i)
	b.open(i.ConsoleURL() + "/buckets")
	b.fill("New bucket", "first-bucket")
	b.click("Make the bucket")
	b.see("The bucket is empty")
	folder := filepath.Join(t.TempDir(), "holiday")
	if err := os.MkdirAll(filepath.Join(folder, "day 1"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"list.txt", "day 1/sea.txt"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	empty := t.TempDir()
	b.drop(empty)
	b.see("there is no file in what was dropped")
	b.drop(folder)
	b.see("The files were uploaded.")
	b.click("holiday/")
	b.see("list.txt")
	b.click("day 1/")
	b.see("sea.txt")
}

// drop drops a file or a folder into the field for uploads.
func (b *browser) drop(path string) {
	b.t.Helper()
	at := eval[[2]float64](b, `(() => { const r = document.querySelector(".drop").getBoundingClientRect(); return [r.x + r.width / 2, r.y + 10] })()`)
	for _, kind := range []input.DispatchDragEventType{input.DispatchDragEventTypeDragEnter, input.DispatchDragEventTypeDragOver, input.DispatchDragEventTypeDrop} {
		if _, err := chromedp.Call(b.ctx, input.DispatchDragEvent, input.DispatchDragEventParams{Type: kind, X: at[0], Y: at[1],
			Data: &input.DragData{Items: []*input.DragDataItem{}, Files: []string{path}, DragOperationsMask: 1}}); err != nil {
			b.t.Fatal(err)
		}
	}
}

// TestDialogsOpenWhereButtonsKnowNoCommands takes from chromium what Firefox before 144
// and Safari before 26.2 have not.
func TestDialogsOpenWhereButtonsKnowNoCommands(t *testing.T) {
	i := serve(t)
	b := start(t)
	b.setUp(i)
	_, err := chromedp.Call(b.ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{
		Source: `delete HTMLButtonElement.prototype.commandForElement; addEventListener("command", (e) => e.preventDefault(), true);`})
	if err != nil {
		t.Fatal(err)
	}
	b.open(i.ConsoleURL() + "/buckets")
	b.fill("New bucket", "first-bucket")
	b.click("Make the bucket")
	b.see("The bucket is empty")
	b.open(i.ConsoleURL() + "/buckets")
	b.click("Delete")
	b.see("another account may take the name")
	b.click("Keep it as it is")
	if !b.waits(`!document.querySelector("dialog[open]")`) {
		b.fail("the dialog does not close")
	}
	b.click("Delete")
	b.click("Delete it")
	b.see("The bucket was deleted")
}

func TestAnExpiredSessionKeepsWhatWasTyped(t *testing.T) {
	i := serve(t)
	b := start(t)
	b.setUp(i)
	b.open(i.ConsoleURL() + "/keys/new")
	b.fill("Name", "nightly backup")
	i.ahead.Store(int64(31 * time.Minute))
	b.click("Make the key")
	b.see("Your session has ended")
	b.fill("E-mail address", "ann@example.com")
	b.fill("Password", password)
	b.click("Sign in")
	b.see("Second step")
	b.click("Use a passkey")
	b.see("This is what you were sending")
	b.see("nightly backup")
	b.click("Send it now")
	b.see("nightly backup is ready")
}

func TestAFileGoesUpAndComesDown(t *testing.T) {
	i := serve(t)
	b := start(t)
	b.setUp(i)
	b.open(i.ConsoleURL() + "/buckets")
	b.fill("New bucket", "first-bucket")
	b.click("Make the bucket")
	b.see("The bucket is empty")
	const content = "<script>document.title = 'taken'</script>"
	file := filepath.Join(t.TempDir(), "a page & more.html")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	b.upload("#f-file", file)
	b.click("Upload")
	b.see("Download")
	b.see("The file was uploaded.") // and no longer that the bucket was made
	b.see("a page & more.html")
	// What the browser is sent to is on the S3 address, and an attachment.
	path := eval[string](b, `[...document.querySelectorAll("a")].find((a) => a.textContent.startsWith("Download")).getAttribute("href")`)
	to := b.redirectOf(i.ConsoleURL() + path)
	resp, err := http.Get(to)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	if string(body) != content || !strings.HasPrefix(resp.Header.Get("Content-Disposition"), "attachment") || !strings.HasPrefix(to, i.Endpoint()) {
		t.Errorf("GET %s = %q, %q, want the file as an attachment of %s", to, body, resp.Header.Get("Content-Disposition"), i.Endpoint())
	}
	i.ahead.Store(int64(2 * time.Minute))
	resp, err = http.Get(to)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("GET of the link two minutes later = %d, want 403", resp.StatusCode)
	}
}
