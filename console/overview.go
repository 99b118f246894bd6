package console

import (
	"net/http"
	"time"

	"coffer"
	"coffer/objects"
)

// overviewPage is what a person sees first: how to connect, what there is, and
// what wants attention.
type overviewPage struct {
	shell
	Connect                     connectView
	Buckets, Objects, Bytes     int64
	Keys                        int
	MoreKeys                    bool         // there are more, which were not looked at
	Quota                       coffer.Quota // what of it is 0 has no limit
	Rotating, Expiring, Overdue []keyView
	// Reveal tells whether this person may see secrets.
	Empty bool // nothing is stored yet
	// Scrub is what reading all bytes came to, for operators of the instance.
	Scrub *scrubView
	// Traffic is the requests of the last days.
	Traffic *trafficView
}

// scrubView is what a scrub found.
type scrubView struct {
	Damaged       int64
	Finished, Now time.Time
}

// Attention tells whether anything wants it.
func (p overviewPage) Attention() bool {
	return len(p.Rotating)+len(p.Expiring)+len(p.Overdue) > 0
}

func (q *request) overview() error {
	page := overviewPage{shell: q.shell("Overview")}
	err := q.eachUsage(func(u objects.BucketUsage) {
		page.Buckets++
		page.Objects += u.Objects
		page.Bytes += u.Bytes
	})
	if err != nil {
		return err
	}
	page.Empty = page.Objects == 0
	if page.Quota, _, err = q.objects().AccountQuota(q.ctx(), q.current.Account.ID); err != nil {
		return err
	}
	live, _, more, err := q.keysOfAccount("")
	if err != nil {
		return err
	}
	page.Keys, page.MoreKeys = len(live), more != ""
	page.Connect = connectView{Endpoint: q.S3URL(), Region: q.Region}
	for _, k := range live {
		switch {
		case k.Rotation != nil && k.Rotation.Overdue:
			page.Overdue = append(page.Overdue, k)
		case k.Rotation != nil:
			page.Rotating = append(page.Rotating, k)
		}
		if k.ExpiresSoon() {
			page.Expiring = append(page.Expiring, k)
		}
		if k.Status == coffer.KeyActive && page.Connect.Key == nil {
			if page.Connect, err = q.connectView(k, "aws-cli"); err != nil {
				return err
			}
		}
	}
	if page.Traffic, err = q.traffic(); err != nil {
		return err
	}
	if q.current.Member.Operator {
		s := q.Objects.As(coffer.Actor{Caller: coffer.Caller{Operator: true}})
		status, err := s.ScrubStatus(q.ctx())
		if err != nil {
			return err
		}
		page.Scrub = &scrubView{Damaged: int64(len(status.Findings)), Finished: status.Finished, Now: q.Now()}
	}
	return q.render(http.StatusOK, "overview", page)
}
