package s3

import (
	"errors"
	"net/http"
	"strings"

	"coffer"
)

// getBucketEncryption answers GetBucketEncryption.
func (q *request) getBucketEncryption() error {
	e, err := q.session.BucketEncryption(q.ctx, q.bucket)
	if err != nil {
		return err
	}
	d := newDoc("ServerSideEncryptionConfiguration", namespace)
	d.begin("Rule")
	if e.Kind != coffer.NotEncrypted {
		d.begin("ApplyServerSideEncryptionByDefault")
		d.text("SSEAlgorithm", e.Kind.Algorithm())
		d.optional("KMSMasterKeyID", e.KMSKey)
		d.end()
	}
	d.flag("BucketKeyEnabled", e.BucketKey)
	if e.BlockSSEC {
		d.begin("BlockedEncryptionTypes")
		d.text("EncryptionType", "SSE-C")
		d.end()
	}
	d.end()
	return q.send(http.StatusOK, d)
}

// putBucketEncryption answers PutBucketEncryption.
func (q *request) putBucketEncryption() error {
	n, err := q.readXML("ServerSideEncryptionConfiguration")
	if err != nil {
		return err
	}
	e, err := parseBucketEncryption(n)
	if err != nil {
		return err
	}
	if err := q.session.PutBucketEncryption(q.ctx, q.bucket, e); err != nil {
		return err
	}
	return q.ok(http.StatusOK)
}

// parseBucketEncryption reads the one rule that S3 takes.
func parseBucketEncryption(n *node) (e coffer.BucketEncryption, err error) {
	if err := n.only("Rule*"); err != nil {
		return e, err
	}
	if len(n.children) != 1 {
		return e, malformed("there is one Rule")
	}
	rule := n.children[0]
	if err := rule.only("ApplyServerSideEncryptionByDefault", "BucketKeyEnabled", "BlockedEncryptionTypes"); err != nil {
		return e, err
	}
	for _, c := range rule.children {
		switch c.name {
		case "ApplyServerSideEncryptionByDefault":
			err = parseDefaultEncryption(c, &e)
		case "BucketKeyEnabled":
			e.BucketKey, err = parseFlag(c)
		case "BlockedEncryptionTypes":
			e.BlockSSEC, err = parseBlockedEncryption(c)
		}
		if err != nil {
			return e, err
		}
	}
	return e, nil
}

func parseDefaultEncryption(n *node, e *coffer.BucketEncryption) error {
	if err := errors.Join(n.only("SSEAlgorithm", "KMSMasterKeyID"), n.leaves()); err != nil {
		return err
	}
	algorithm, _ := n.get("SSEAlgorithm")
	var named bool
	e.KMSKey, named = n.get("KMSMasterKeyID")
	switch algorithm {
	case coffer.SSES3.Algorithm():
		e.Kind = coffer.SSES3
	case coffer.SSEKMS.Algorithm():
		e.Kind = coffer.SSEKMS
	case "aws:kms:dsse":
		return coffer.Errorf(coffer.NotImplemented, "Dual-layer encryption (aws:kms:dsse) is not implemented by this version of coffer: use aws:kms.")
	default:
		return malformed("the SSEAlgorithm is AES256 or aws:kms")
	}
	if named && e.Kind != coffer.SSEKMS {
		return coffer.Errorf(coffer.InvalidArgument, "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse").
			With("ArgumentName", "ApplyServerSideEncryptionByDefault")
	}
	if len(e.KMSKey) > coffer.KMSKeyIDMax {
		return malformed("the KMSMasterKeyID is longer than %d bytes", coffer.KMSKeyIDMax)
	}
	return nil
}

func parseFlag(n *node) (bool, error) {
	switch strings.TrimSpace(n.value) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, malformed("%s is true or false", n.name)
}

// parseBlockedEncryption reads which kinds new objects may not have: SSE-C, or
// none.
func parseBlockedEncryption(n *node) (blocked bool, err error) {
	if err := errors.Join(n.only("EncryptionType*"), n.leaves()); err != nil {
		return false, err
	}
	for _, c := range n.children {
		switch c.value {
		case "SSE-C":
			blocked = true
		case "NONE":
		default:
			return false, malformed("an EncryptionType is SSE-C or NONE")
		}
	}
	if len(n.children) == 0 || blocked && len(n.children) > 1 {
		return false, malformed("there is one EncryptionType")
	}
	return blocked, nil
}

// deleteBucketEncryption answers DeleteBucketEncryption.
func (q *request) deleteBucketEncryption() error {
	if err := q.session.DeleteBucketEncryption(q.ctx, q.bucket); err != nil {
		return err
	}
	return q.ok(http.StatusNoContent)
}
