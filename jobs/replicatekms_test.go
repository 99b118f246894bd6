package jobs_test

import (
	"strings"
	"testing"

	_ "gocloud.dev/secrets/localsecrets"

	"coffer"
	"coffer/crypt"
	"coffer/objects"
)

// TestWhatAKMSKeyEncryptsIsCopied: its entity tag looks like an MD5 and is none.
func TestWhatAKMSKeyEncryptsIsCopied(t *testing.T) {
	there := newSite(t, "there", "copies", nil)
	here := newSite(t, "here", "here", []coffer.ReplicationTarget{there.target})
	here.replicateTo(t, "here", "there", "copies")
	kms, err := crypt.OpenKMS(t.Context(), "main=base64key://"+strings.Repeat("A", 43)+"=")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kms.Close() })
	here.objects.KMS = kms
	_, err = here.objects.As(owner).Put(t.Context(), objects.PutInput{Bucket: "here", Key: "k", Body: strings.NewReader("hello"), Size: 5,
		Encryption: objects.Encrypting{Kind: coffer.SSEKMS, KMSKey: "main"}})
	if err != nil {
		t.Fatal(err)
	}
	defer here.run(t)()
	here.until(t, "a try", func() bool {
		list, _, err := here.objects.WaitingReplications(t.Context(), "there", 10)
		return err == nil && len(list) == 0
	})
	if s := here.status(t, "here", "k"); s != coffer.ReplicationCompleted {
		t.Fatalf("the object is %s, want COMPLETED", s)
	}
	if _, body := there.read(t, "copies", "k"); body != "hello" {
		t.Errorf("the copy is %q, want hello", body)
	}
}
