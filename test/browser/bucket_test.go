package browser_test

import (
	"fmt"
	"testing"
)

// write types into the text area with a label.
func (b *browser) write(label, text string) {
	b.t.Helper()
	set := fmt.Sprintf(`(() => { for (const l of document.querySelectorAll("label")) if (l.textContent.includes(%q)) { l.control.value = %q; return true } return false })()`, label, text)
	if !eval[bool](b, set) {
		b.fail("there is no %q to write in", label)
	}
}

// tick ticks the box or radio button with a value.
func (b *browser) tick(name, value string) {
	b.t.Helper()
	b.do("tick "+name, clickCSS(fmt.Sprintf("input[name=%s][value=%q]", name, value)))
}

const publicPolicy = `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::photos/*"}]}`

// TestEveryPageOfABucketIsAccessibleInBothThemes sets a bucket up as a person does,
// and looks at each page with something on it and with nothing.
func TestEveryPageOfABucketIsAccessibleInBothThemes(t *testing.T) {
	i := serve(t)
	b := start(t)
	needAxe(t)
	b.setUp(i)
	at := func(path string) { b.t.Helper(); b.open(i.ConsoleURL() + path) }
	at("/buckets")
	b.fill("New bucket", "photos")
	b.click("Make the bucket")
	b.see("The bucket is empty")
	b.upload("#f-file", absolute(t, "package.json"))
	b.click("Upload")
	b.see("Download")

	b.do("go to the settings", clickCSS(`.tabs a[href="/buckets/photos"]`))
	b.see("What it holds")
	b.looks("bucket-new")
	b.click("Turn versions on")
	b.see("Suspend versions")
	at("/buckets/photos")
	b.fill("Name of tag 1", "team")
	b.fill("Value of tag 1", "pictures")
	b.click("Save the tags")
	b.see("The settings were saved")
	at("/buckets/photos")
	if !b.waits(`document.querySelector("#tv-0").value === "pictures"`) {
		b.fail("the tag was not saved")
	}
	b.click("Turn Object Lock on")
	b.see("tick that you know that")
	b.looks("bucket-wrong")
	b.tick("for_good", "1")
	b.tick("lock_mode", "GOVERNANCE")
	b.fill("For how long", "1")
	b.click("Turn Object Lock on")
	b.see("1 day, governance mode")
	b.looks("bucket")

	b.versionPages(i)
	at("/buckets/photos/access")
	b.looks("access-new")
	b.write("Policy, in JSON", publicPolicy)
	b.click("Save the policy")
	b.see("BlockPublicPolicy")
	b.looks("access-wrong")
	at("/buckets/photos/access")
	b.tick("block_policy", "1")
	b.tick("restrict", "1")
	b.do("save the block", clickCSS(`form[action*="public-access"] button`))
	b.see("The settings were saved")
	b.write("Policy, in JSON", publicPolicy)
	b.click("Save the policy")
	b.see("The bucket is public.")
	b.fill("Uploads from one site", "https://app.example.com")
	b.click("Allow this site")
	b.rows(1)
	b.click("Allow reads from all sites")
	b.rows(2)
	b.do("open the details", clickCSS("section[aria-labelledby=cors] summary"))
	b.looks("access")
	b.click("Delete the policy")
	b.see("Whom only the policy let in")
	b.looks("access-dialog")

	at("/buckets/photos/lifecycle")
	b.looks("lifecycle-new")
	b.fill("Only keys that begin with", "package")
	b.fill("Delete objects after days", "1")
	b.click("Count what it would remove now")
	b.see("would remove no object now")
	b.looks("lifecycle-trial")
	b.fill("Delete older versions after days", "30")
	b.fill("Abort unfinished uploads after days", "7")
	b.click("Add the rule")
	b.see("1 day after they were written")
	b.click("Count what they would remove now")
	b.see("would remove no object now")
	b.looks("lifecycle")

	at("/buckets/photos/notifications")
	b.looks("notifications-new")
	b.tick("event", "s3:ObjectCreated:*")
	b.fill("Only keys that end with", ".jpg")
	b.click("Add the rule")
	b.see("The settings were saved")
	if !b.waits(`document.readyState === "complete" && (document.querySelector("tbody .badge.bad") !== null || (location.reload(), false))`) {
		b.fail("no delivery is shown")
	}
	b.looks("notifications")
	at("/buckets")
	b.looks("buckets")
}

// rows waits for the tables of the page to have so many rows in all.
func (b *browser) rows(n int) {
	b.t.Helper()
	if !b.waits(fmt.Sprintf(`document.readyState === "complete" && document.querySelectorAll("tbody tr").length === %d`, n)) {
		b.fail("the page has not %d rows", n)
	}
}

// versionPages makes an object of several versions, of which the newest is locked,
// brings the first back, and asks to delete one.
func (b *browser) versionPages(i *instance) {
	b.t.Helper()
	b.open(i.ConsoleURL() + "/buckets/photos/objects")
	eval[bool](b, `window.before = true`)
	b.upload("#f-file", absolute(b.t, "package.json"))
	b.click("Upload")
	if !b.waits(`document.readyState === "complete" && window.before === undefined`) {
		b.fail("the file was not uploaded")
	}
	b.click("Show versions")
	b.see("latest")
	b.click("Restore")
	b.see("The version was copied")
	b.do("delete what has no lock", clickCSS("button[commandfor^=del-]"))
	b.see("nothing brings it back")
	b.looks("versions-dialog")
	b.open(i.ConsoleURL() + "/buckets/photos/objects")
	b.click("Delete")
	b.see("It goes out of sight")
	b.do("delete the object", clickCSS("dialog[open] .solid"))
	b.see("The object was deleted")
	b.click("Show versions")
	b.see("delete marker")
	b.looks("versions")
	b.do("remove the marker", clickCSS("button[commandfor=del-0]"))
	b.do("say yes", clickCSS("dialog[open] .solid"))
	b.see("The version was deleted for good")
}
