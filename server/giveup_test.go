package server

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"coffer"
	"coffer/api"
	"coffer/blob/disk"
)

// disksWorld is a server with a disk more than that of its data folder, and objects on
// both.
type disksWorld struct {
	t          *testing.T
	cfg        Config
	s          *Server
	stop       func() error
	on         map[string]string // the disk of each object
	part       string            // the path of an upload with a part on the further disk
	main, disk string            // their ids
}

const (
	rootID     = "CFAKADMINADMINADMIN0"
	rootSecret = "a-secret-of-more-than-forty-characters-0123456789"
)

// largeText is stored as a file.
var largeText = strings.Repeat("the text of a large object ", 4000)

func newDisksWorld(t *testing.T) *disksWorld {
	t.Helper()
	w := &disksWorld{t: t, cfg: testConfig(t), on: map[string]string{}}
	w.cfg.RootAccessKeyID, w.cfg.RootSecretAccessKey = rootID, coffer.NewSecretFrom(rootSecret)
	w.cfg.DataDisks = []string{t.TempDir()}
	w.start()
	w.main, w.disk = w.id(w.cfg.blobDirs()[0]), w.id(w.cfg.DataDisks[0])
	w.want(http.StatusOK, "PUT", "/bucket", "")
	for i := 0; !w.both(2); i++ {
		name := fmt.Sprintf("object-%d", i)
		w.on[name] = w.landsOn(func() { w.want(http.StatusOK, "PUT", "/bucket/"+name, largeText) })
	}
	for upload := ""; ; {
		if upload == "" {
			answer := w.want(http.StatusOK, "POST", "/bucket/upload?uploads", "")
			upload = regexp.MustCompile(`<UploadId>(.*)</UploadId>`).FindStringSubmatch(answer)[1]
		}
		w.part = "/bucket/upload?partNumber=1&uploadId=" + upload
		if w.landsOn(func() { w.want(http.StatusOK, "PUT", w.part, largeText) }) == w.disk {
			return w
		}
	}
}

func (w *disksWorld) start() {
	w.t.Helper()
	w.s = open(w.t, w.cfg)
	w.stop = start(w.t, w.s)
}

func (w *disksWorld) close() {
	w.t.Helper()
	if err := w.stop(); err != nil {
		w.t.Fatal(err)
	}
	if err := w.s.Close(); err != nil {
		w.t.Fatal(err)
	}
}

func (w *disksWorld) id(dir string) string {
	w.t.Helper()
	id, err := disk.Identity(disk.Options{}, dir)
	if err != nil || id == "" {
		w.t.Fatalf("Identity(%s) = %q, %v", dir, id, err)
	}
	return id
}

// both tells whether each disk has so many objects.
func (w *disksWorld) both(n int) bool {
	return len(w.objects(w.main)) >= n && len(w.objects(w.disk)) >= n
}

// objects are those of a disk.
func (w *disksWorld) objects(id string) (names []string) {
	for name, on := range w.on {
		if on == id {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// landsOn is the disk that has a blob more behind do.
func (w *disksWorld) landsOn(do func()) string {
	w.t.Helper()
	count := func() (n int) {
		for info, err := range w.s.stores.blobs.List(w.t.Context(), "") {
			if err != nil {
				w.t.Fatal(err)
			}
			if strings.HasPrefix(string(info.Ref), w.disk+"-") {
				n++
			}
		}
		return n
	}
	before := count()
	do()
	if count() > before {
		return w.disk
	}
	return w.main
}

func (w *disksWorld) want(status int, method, path, body string) string {
	w.t.Helper()
	got, answer := signed(w.t, w.s, rootID, rootSecret, method, path, body)
	if got != status {
		w.t.Errorf("%s %s = %d %s, want %d", method, path, got, answer, status)
	}
	return answer
}

// check returns what a check without a server finds: the code, and the object if any.
func (w *disksWorld) check(in CheckInput) (found []string) {
	w.t.Helper()
	_, err := Check(w.t.Context(), w.cfg, in, func(f api.Found) error {
		line := f.Code
		if f.Key != "" {
			line += " " + string(f.Bucket) + "/" + f.Key
		}
		if f.Mended {
			line += ", mended"
		}
		found = append(found, line)
		return nil
	})
	if err != nil {
		w.t.Errorf("Check(%+v) = %v", in, err)
	}
	slices.Sort(found)
	return found
}

// losses are findings, and those for what was on the further disk.
func (w *disksWorld) losses(blob, suffix string, others ...string) []string {
	all := append(others, blob+suffix) // that of the part
	for _, name := range w.objects(w.disk) {
		all = append(all, blob+" bucket/"+name+suffix)
	}
	slices.Sort(all)
	return all
}

func (w *disksWorld) same(what string, got, want []string) {
	w.t.Helper()
	if !slices.Equal(got, want) {
		w.t.Errorf("%s found %q, want %q", what, got, want)
	}
}

func TestADiskThatIsLostIsGivenUp(t *testing.T) {
	w := newDisksWorld(t)
	w.close()
	if err := os.RemoveAll(w.cfg.DataDisks[0]); err != nil {
		t.Fatal(err)
	}
	mkdir(t, w.cfg.DataDisks[0]) // a new disk is mounted there
	command := "coffer repair --offline --give-up-disk " + w.disk
	if got := refusal(t, w.cfg); !strings.Contains(got, command) {
		t.Errorf("New without the disk = %q, want %q in it", got, command)
	}
	w.same("Check without the disk", w.check(CheckInput{}), w.losses("blob-unreadable", "", "disk-missing"))
	giveUp := CheckInput{GiveUpDisk: w.disk}
	for range 2 { // nothing is done without --yes
		w.same("Giving up, tried", w.check(giveUp), w.losses("blob-missing", "", "disk-lost"))
	}
	if got := refusal(t, w.cfg); !strings.Contains(got, command) {
		t.Errorf("New after giving up was tried = %q, want %q in it", got, command)
	}
	giveUp.Repair = true
	w.same("Giving up", w.check(giveUp), w.losses("blob-missing", "", "disk-lost, mended"))
	if _, err := Check(t.Context(), w.cfg, CheckInput{GiveUpDisk: w.main}, nil); err == nil || !strings.Contains(err.Error(), "is there") {
		t.Errorf("Giving up the disk that is there = %v, want a refusal", err)
	}
	if _, err := Check(t.Context(), w.cfg, CheckInput{GiveUpDisk: "none"}, nil); err == nil || !strings.Contains(err.Error(), "knows no disk") {
		t.Errorf("Giving up a disk of nobody = %v, want a refusal", err)
	}

	// What is left is served, on the new disk too, and what is lost is an error.
	w.start()
	for _, name := range w.objects(w.main) {
		if got := w.want(http.StatusOK, "GET", "/bucket/"+name, ""); got != largeText {
			t.Errorf("GET of %s on the disk that is left has other bytes", name)
		}
	}
	lost := w.objects(w.disk)
	for _, name := range lost {
		w.want(http.StatusInternalServerError, "GET", "/bucket/"+name, "")
	}
	w.want(http.StatusOK, "PUT", "/bucket/"+lost[0], largeText)
	if got := w.want(http.StatusOK, "GET", "/bucket/"+lost[0], ""); got != largeText {
		t.Error("an object put anew has other bytes")
	}
	w.on[lost[0]] = w.main
	w.close()

	// Asked to, a repair removes what is lost, and all is well then.
	w.same("Removing", w.check(CheckInput{CheckInput: api.CheckInput{Repair: true, RemoveDamaged: true}}), w.losses("blob-missing", ", mended"))
	w.same("The check behind it", w.check(CheckInput{}), nil)
	w.start()
	for _, name := range w.objects(w.disk) {
		w.want(http.StatusNotFound, "GET", "/bucket/"+name, "")
	}
	upload := strings.Replace(w.part, "partNumber=1&", "", 1)
	w.want(http.StatusBadRequest, "POST", upload, "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>x</ETag></Part></CompleteMultipartUpload>")
}

// TestADiskThatWasGivenUpComesBack with all that nobody removed meanwhile.
func TestADiskThatWasGivenUpComesBack(t *testing.T) {
	w := newDisksWorld(t)
	w.close()
	dir := w.cfg.DataDisks[0]
	if err := os.Rename(dir, dir+"-away"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir + "-away") })
	w.cfg.DataDisks = nil
	w.check(CheckInput{GiveUpDisk: w.disk, CheckInput: api.CheckInput{Repair: true}})
	w.start()
	deleted := w.objects(w.disk)[0]
	w.want(http.StatusNoContent, "DELETE", "/bucket/"+deleted, "")
	w.close()
	delete(w.on, deleted)
	if err := os.Rename(dir+"-away", dir); err != nil {
		t.Fatal(err)
	}
	w.cfg.DataDisks = []string{dir}
	w.start()
	for name := range w.on {
		if got := w.want(http.StatusOK, "GET", "/bucket/"+name, ""); got != largeText {
			t.Errorf("GET of %s once the disk is back has other bytes", name)
		}
	}
	w.close()
	w.same("The check once the disk is back", w.check(CheckInput{}), nil)
}

// TestTheOnlyDiskIsGivenUp of a server whose metadata is elsewhere, and was not lost.
func TestTheOnlyDiskIsGivenUp(t *testing.T) {
	cfg := testConfig(t)
	if err := open(t, cfg).Close(); err != nil {
		t.Fatal(err)
	}
	id, err := disk.Identity(disk.Options{}, cfg.blobDirs()[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(cfg.blobDirs()[0]); err != nil {
		t.Fatal(err)
	}
	if got := refusal(t, cfg); !strings.Contains(got, "--give-up-disk "+id) {
		t.Errorf("New without the only disk = %q, want the command in it", got)
	}
	_, err = Check(t.Context(), cfg, CheckInput{GiveUpDisk: id, CheckInput: api.CheckInput{Repair: true}}, func(api.Found) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	open(t, cfg)
}
