// Package model runs random operations on the S3 front and on a model of S3 that
// was written from AWS's documentation: plain maps, a few hundred lines. Status,
// error, bytes, entity tags, versions, tags, locks and lists must be the same,
// through restarts and power cuts. What the documentation leaves open, the model
// leaves open too.
package model_test

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// machine is the model, the real thing, and what was done to both.
type machine struct {
	*server
	t       fataler
	buckets map[string]*bucket
	did     []op
}

// runs has what each kind of operation does to both.
var runs = map[string]func(*machine, op){
	"CreateBucket": (*machine).createBucket, "DeleteBucket": (*machine).deleteBucket, "HeadBucket": (*machine).headBucket,
	"ListBuckets": (*machine).listBuckets, "SetVersioning": (*machine).setVersioning,
	"Put": (*machine).put, "Get": (*machine).get, "Head": (*machine).get, "Delete": (*machine).delete, "DeleteMany": (*machine).deleteMany,
	"Copy": (*machine).copy, "Rename": (*machine).rename, "GetTags": (*machine).getTags, "PutTags": (*machine).putTags, "DeleteTags": (*machine).putTags,
	"SetLock": (*machine).setLock, "SetRetention": (*machine).setRetention, "GetRetention": (*machine).getRetention,
	"SetHold": (*machine).setHold, "GetHold": (*machine).getHold,
	"CreateUpload": (*machine).createUpload, "UploadPart": (*machine).uploadPart, "CopyPart": (*machine).copyPart,
	"Complete": (*machine).complete, "Abort": (*machine).abort, "ListParts": (*machine).listParts, "ListUploads": (*machine).listUploads,
	"List": (*machine).list, "ListVersions": (*machine).listVersions,
	"SetPolicy": (*machine).setPolicy, "SetPublicAccess": (*machine).setPublicAccess, "SetOwnership": (*machine).setOwnership,
	"SetBucketACL": (*machine).setBucketACL, "SetObjectACL": (*machine).setObjectACL,
	"Restart": (*machine).restarted, "Crash": (*machine).crashed, "Reclaim": (*machine).reclaimed, "Wait": (*machine).waited, "Lifecycle": (*machine).lifecycle,
}

func newMachine(t testing.TB, into fataler, with settings) *machine {
	return &machine{server: newServer(t, with), t: into, buckets: map[string]*bucket{}}
}

// start is what a run begins with, so that most operations find something.
var start = []op{
	{Do: "CreateBucket", As: "owner", Bucket: "plain"},
	{Do: "CreateBucket", As: "owner", Bucket: "locked", Value: "lock"},
	{Do: "CreateBucket", As: "other", Bucket: "theirs"},
}

// do is one operation, a second after the one before.
func (x *machine) do(o op) {
	x.clock.now = x.clock.now.Add(time.Second)
	x.did = append(x.did, o)
	x.try(runs[o.Do], o)
}

// try is an operation that may turn out to be one whose end is left open.
func (x *machine) try(run func(*machine, op), o op) {
	defer func() {
		if p := recover(); p != nil && p != any(leftOpen{}) {
			panic(p)
		}
	}()
	run(x, o)
}

// fatal ends the run and tells how it came about.
func (x *machine) fatal(format string, args ...any) {
	var all strings.Builder
	for _, o := range x.did {
		all.WriteString("\n\t" + o.String() + ",")
	}
	x.t.Fatalf("%s\nafter:%s", fmt.Sprintf(format, args...), all.String())
}

// request is what all requests of an operation have.
func (x *machine) request(o op, method string, query ...string) ask {
	q := ask{as: o.As, method: method, bucket: o.Bucket, key: o.Key, query: map[string][]string{}, header: http.Header{}}
	for i := 0; i+1 < len(query); i += 2 {
		q.query.Set(query[i], query[i+1])
	}
	return q
}

// agree compares how an operation ended with what the model says, and tells
// whether it was done.
func (x *machine) agree(q ask, a answer, want refusals) bool {
	done := a.status < 300
	fits := func(code string) bool {
		switch {
		case code == ok || done:
			return code == ok && done
		case q.method == http.MethodHead || code == "NotModified":
			return a.status == statuses[code]
		}
		return a.code == code && a.status == statuses[code]
	}
	if len(want) == 0 {
		want = refusals{ok}
	}
	if !slices.ContainsFunc(want, fits) {
		x.fatal("%s = %d %s, want one of %q\n%s", x.did[len(x.did)-1], a.status, a.code, want, a.body)
	}
	return done
}

// The number of runs is fixed, not their time, so that a slow machine tests as
// much as a fast one.
const (
	runsShort = "300"
	runsLong  = "50000"
	stepsEach = "150"
)

// TestMain sets what rapid takes from flags, unless they are given.
func TestMain(m *testing.M) {
	runs := runsShort
	if os.Getenv("COFFER_TEST_LONG") != "" {
		runs = runsLong
	}
	for name, value := range map[string]string{"rapid.checks": runs, "rapid.steps": stepsEach, "rapid.nofailfile": "true", "rapid.shrinktime": "0s"} {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
	flag.Parse()
	os.Exit(m.Run())
}

// TestRandomOperations compares the server with the model after each of many
// operations, and then reads all that should be there.
func TestRandomOperations(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var ops []op
		rt.Repeat(actions(func(o op) { ops = append(ops, o) }))
		if fault := play(t, ops); fault != "" {
			rt.Fatalf("%s", shorten(t, ops, fault))
		}
	})
}
