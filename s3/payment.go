package s3

import (
	"errors"
	"net/http"

	"coffer"
)

// getBucketRequestPayment answers GetBucketRequestPayment.
func (q *request) getBucketRequestPayment() error {
	p, err := q.session.RequestPayment(q.ctx, q.bucket)
	if err != nil {
		return err
	}
	d := newDoc("RequestPaymentConfiguration", namespace)
	d.text("Payer", string(p))
	return q.send(http.StatusOK, d)
}

// putBucketRequestPayment answers PutBucketRequestPayment.
func (q *request) putBucketRequestPayment() error {
	payer, err := q.readWord("RequestPaymentConfiguration", "Payer")
	if err != nil {
		return err
	}
	if err := q.session.PutRequestPayment(q.ctx, q.bucket, coffer.Payer(payer)); err != nil {
		return err
	}
	return q.ok(http.StatusOK)
}

// getBucketAcceleration answers GetBucketAccelerateConfiguration.
func (q *request) getBucketAcceleration() error {
	a, err := q.session.Acceleration(q.ctx, q.bucket)
	if err != nil {
		return err
	}
	d := newDoc("AccelerateConfiguration", namespace)
	d.optional("Status", string(a))
	return q.send(http.StatusOK, d)
}

// putBucketAcceleration answers PutBucketAccelerateConfiguration.
func (q *request) putBucketAcceleration() error {
	status, err := q.readWord("AccelerateConfiguration", "Status")
	if err != nil {
		return err
	}
	if err := q.session.PutAcceleration(q.ctx, q.bucket, coffer.Acceleration(status)); err != nil {
		return err
	}
	return q.ok(http.StatusOK)
}

// readWord reads a document that has one element with a word in it.
func (q *request) readWord(root, name string) (string, error) {
	n, err := q.readXML(root)
	if err != nil {
		return "", err
	}
	if err := errors.Join(n.only(name), n.leaves()); err != nil {
		return "", err
	}
	word, ok := n.get(name)
	if !ok {
		return "", malformed("there is no %s", name)
	}
	return word, nil
}
