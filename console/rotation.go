package console

import (
	"errors"
	"net/http"
	"time"

	"coffer"
	"coffer/keys"
)

// rotatePage tells what a rotation will do, and asks how.
type rotatePage struct {
	shell
	Key       keyView
	SameID    bool
	Reason    string
	ConfirmBy string
	Wrong     problems
	Today     string
}

func (q *request) rotateForm() error {
	key, err := q.keys().Get(q.ctx(), q.r.PathValue("id"))
	if err != nil {
		return err
	}
	if key.Rotation != nil {
		return q.redirect("/keys/" + string(key.ID) + "/rotation")
	}
	return q.render(http.StatusOK, "rotate", rotatePage{shell: q.shell("Rotate " + q.keyView(key).Title()), Key: q.keyView(key),
		Reason: string(coffer.ReasonRoutine), Wrong: problems{}, Today: q.today()})
}

func (q *request) rotate() error {
	sess := q.keys()
	opt := keys.RotateOptions{SameID: q.value("style") == "same-id", Reason: coffer.RotationReason(q.value("reason"))}
	var err error
	wrong := problems{}
	if opt.ConfirmBy, err = q.readDay("confirm_by"); err != nil {
		wrong["confirm_by"] = messageOf(err)
	}
	status := http.StatusBadRequest
	if len(wrong) == 0 {
		key, secret, err := sess.Rotate(q.ctx(), q.r.PathValue("id"), opt)
		if err == nil {
			return q.rotationAnswer(http.StatusOK, string(key.ID), secret, func(*rotationPage) {})
		}
		if coffer.CodeOf(err) == coffer.RotationInProgress {
			return q.redirect("/keys/" + q.r.PathValue("id") + "/rotation")
		}
		var ok bool
		if status, ok = q.typo(wrong, "", err); !ok {
			return err
		}
	}
	key, err := sess.Get(q.ctx(), q.r.PathValue("id"))
	if err != nil {
		return err
	}
	return q.render(status, "rotate", rotatePage{shell: q.shell("Rotate " + q.keyView(key).Title()), Key: q.keyView(key),
		SameID: opt.SameID, Reason: string(opt.Reason), ConfirmBy: q.value("confirm_by"), Wrong: wrong, Today: q.today()})
}

// rotationPage is a rotation under way: the new pair, who still uses the old
// one, and how to end it.
type rotationPage struct {
	shell
	Key     keyView
	Usage   usageView
	Connect *connectView // with the new secret, once
	// Refused says that Confirm or Cancel was refused since a credential is in
	// use; Refused is "confirm" or "cancel".
	Refused   string
	KeepLinks bool
	Wrong     problems
}

func (q *request) showRotation() error {
	return q.rotationAnswer(http.StatusOK, q.r.PathValue("id"), coffer.Secret{}, func(*rotationPage) {})
}

func (q *request) rotationAnswer(status int, id string, secret coffer.Secret, change func(*rotationPage)) error {
	usage, err := q.keys().Latest(q.ctx(), id)
	if err != nil {
		return err
	}
	if usage.Key.Rotation == nil {
		return q.redirect("/keys/" + string(usage.Key.ID))
	}
	page := rotationPage{Key: q.keyView(usage.Key), Usage: q.usageView(usage), Wrong: problems{}}
	page.shell = q.shell("Rotation of " + page.Key.Title())
	if !secret.Empty() {
		page.Key.Secret = secret.Reveal()
		connect, err := q.connectView(page.Key, q.query("tool"))
		if err != nil {
			return err
		}
		page.Connect = &connect
	}
	change(&page)
	return q.render(status, "rotation", page)
}

// revealNew shows the new secret of a rotation again, by the rules of Reveal.
func (q *request) revealNew() error {
	key, secret, err := q.keys().Reveal(q.ctx(), q.r.PathValue("id"))
	if err != nil {
		return err
	}
	return q.rotationAnswer(http.StatusOK, string(key.ID), secret, func(*rotationPage) {})
}

func (q *request) confirm() error {
	opt := keys.ConfirmOptions{EvenIfInUse: q.value("even_if_in_use") != "", KeepLinks: q.value("keep_links") != ""}
	key, err := q.keys().Confirm(q.ctx(), q.r.PathValue("id"), opt)
	return q.ended(key, err, "confirm", "confirmed")
}

func (q *request) cancelRotation() error {
	opt := keys.CancelOptions{EvenIfInUse: q.value("even_if_in_use") != ""}
	key, err := q.keys().Cancel(q.ctx(), q.r.PathValue("id"), opt)
	return q.ended(key, err, "cancel", "cancelled")
}

// ended answers Confirm and Cancel: with the key's page, or with the list of who
// is still there and a second, explicit button.
func (q *request) ended(key coffer.Key, err error, verb, did string) error {
	if err == nil {
		return q.redirect("/keys/" + string(key.ID) + "?did=" + did)
	}
	_, inUse := errors.AsType[*keys.InUse](err)
	wrong := problems{}
	status, ok := q.typo(wrong, "", err)
	if !ok {
		return err
	}
	return q.rotationAnswer(status, q.r.PathValue("id"), coffer.Secret{}, func(p *rotationPage) {
		p.KeepLinks = q.value("keep_links") != ""
		if inUse {
			p.Refused = verb
			return
		}
		p.Wrong = wrong
	})
}

func (q *request) screamTest() error {
	minutes, did := 0, "screamed"
	if q.value("stop") == "" {
		did = "scream"
		for _, c := range q.value("minutes") {
			if c < '0' || c > '9' || minutes > 100 {
				minutes = -1
				break
			}
			minutes = minutes*10 + int(c-'0')
		}
		if minutes < 1 || minutes > 60 {
			return q.rotationAnswer(http.StatusBadRequest, q.r.PathValue("id"), coffer.Secret{}, func(p *rotationPage) {
				p.Wrong["minutes"] = "Choose from 1 to 60 minutes."
			})
		}
	}
	if _, err := q.keys().ScreamTest(q.ctx(), q.r.PathValue("id"), minutes); err != nil {
		return err
	}
	return q.redirect("/keys/" + q.r.PathValue("id") + "/rotation?did=" + did)
}

// usageView is who uses a key.
type usageView struct {
	Key      coffer.Key
	Now      time.Time
	Current  []keys.Client
	Outgoing []keys.Client
	// CurrentOthers and OutgoingOthers are requests of clients that did not fit.
	CurrentOthers, OutgoingOthers int64
	InUse                         bool
	IdleAt                        time.Time
	// Hit tells whether the scream test refused anybody.
	Hit bool
}

func (q *request) usageView(u keys.Usage) usageView {
	v := usageView{Key: u.Key, Now: q.Now(), Current: u.Current, Outgoing: u.Outgoing, CurrentOthers: u.CurrentOthers,
		OutgoingOthers: u.OutgoingOthers, InUse: u.InUse, IdleAt: u.IdleAt}
	for _, c := range u.Outgoing {
		v.Hit = v.Hit || c.Refused > 0
	}
	return v
}

// ScreamTest tells whether one runs now.
func (u usageView) Screaming() bool {
	return u.Key.Rotation != nil && u.Key.Rotation.ScreamUntil.After(u.Now)
}
