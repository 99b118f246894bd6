package pebble

import (
	"io"

	pebbledb "github.com/cockroachdb/pebble/v2"

	"coffer/meta"
)

// counterMergerName is stored in the database, which no other merger can open.
const counterMergerName = "coffer.counter.v1"

// counterMerger sums what Tx.Add wrote.
func counterMerger() *pebbledb.Merger {
	return &pebbledb.Merger{
		Name: counterMergerName,
		Merge: func(_, value []byte) (pebbledb.ValueMerger, error) {
			c := new(counter)
			return c, c.MergeOlder(value)
		},
	}
}

// counter is one sum. It never fails, since an error here would stop
// compactions for good: a value that is no counter swallows what is added to
// it and stays as it is, and meta.Counter then refuses it on reading.
type counter struct {
	sum int64
	bad []byte // the newest operand that is no counter
}

func (c *counter) MergeNewer(value []byte) error {
	n, err := meta.Counter(value)
	if err != nil {
		c.bad = notNil(value)
	}
	c.sum += n
	return nil
}

func (c *counter) MergeOlder(value []byte) error {
	n, err := meta.Counter(value)
	if err != nil && c.bad == nil {
		c.bad = notNil(value)
	}
	c.sum += n
	return nil
}

func (c *counter) Finish(bool) ([]byte, io.Closer, error) {
	if c.bad != nil {
		return c.bad, nil, nil
	}
	return meta.CounterValue(c.sum), nil, nil
}

// notNil copies b, which the caller owns, so that even no bytes are told from nil.
func notNil(b []byte) []byte {
	return append(make([]byte, 0, len(b)), b...)
}
