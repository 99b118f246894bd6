package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"coffer"
	"coffer/accounts"
	"coffer/api"
	"coffer/audit"
	"coffer/keys"
	"coffer/meta"
	"coffer/meta/pebble"
	"coffer/objects"
)

// What a check of the records of the server itself can find.
var (
	foundInstance = coffer.FindingKind{Code: "instance-record", Severity: coffer.LostData, Mend: coffer.MendNever,
		Means: "A record that says what this data folder is cannot be read.", Remedy: "Restore the metadata from a backup."}
	foundDisk = coffer.FindingKind{Code: "disk-record", Severity: coffer.WrongRecord, Mend: coffer.MendStopped,
		Means: "A record of a disk cannot be read, so that a server does not start.", Remedy: "Repair writes it anew."}
	foundDiskMissing = coffer.FindingKind{Code: "disk-missing", Severity: coffer.LostData, Mend: coffer.MendNever,
		Means: "A disk is missing, and what is on it cannot be read.", Remedy: "Mount it, and name its folder in data-disks. If it is lost for good, stop the server and repair with --offline --give-up-disk."}
	foundDiskLost = coffer.FindingKind{Code: "disk-lost", Severity: coffer.LostData, Mend: coffer.MendStopped,
		Means: "A disk is given up, with all that is on it.", Remedy: "Repair notes it, and new disks can be added."}
	foundObjectKey = coffer.FindingKind{Code: "object-key", Severity: coffer.LostData, Mend: coffer.MendNever,
		Means: "The key under which the keys of encrypted objects are wrapped does not open, so that a server does not start.", Remedy: "Restore the metadata from a backup."}
	foundMaster = coffer.FindingKind{Code: "master-key", Severity: coffer.LostData, Mend: coffer.MendNever,
		Means: "The master key that is here does not open the secrets.", Remedy: "Restore the master key that belongs to this data folder, or give it in COFFER_MASTER_KEY."}
	foundLostLog = coffer.FindingKind{Code: "lost-log", Severity: coffer.LostData, Mend: coffer.MendStopped,
		Means: "The newest records of the metadata are lost, with what was answered to their writers.", Remedy: "Compare with what the writers know."}
	foundUnknown = coffer.FindingKind{Code: "unknown-record", Severity: coffer.WrongRecord, Mend: coffer.MendNever,
		Means: "There are records of a kind that this version does not know.", Remedy: "Use the version that wrote them."}
)

// checkedPrefixes are the prefixes of all records that some package checks.
var checkedPrefixes = []byte{
	meta.PrefixInstance,
	meta.PrefixAccount, meta.PrefixAccountEmail, meta.PrefixCanonical, meta.PrefixMember, meta.PrefixMemberEmail,
	meta.PrefixSession, meta.PrefixLink, meta.PrefixPending,
	meta.PrefixKey, meta.PrefixCredential, meta.PrefixKeyDue, meta.PrefixUsage,
	meta.PrefixAudit,
	meta.PrefixBucket, meta.PrefixAccountBucket, meta.PrefixBucketCount, meta.PrefixBucketConfig, meta.PrefixQuota,
	meta.PrefixObject, meta.PrefixVersion, meta.PrefixNullVersion, meta.PrefixData, meta.PrefixManifest, meta.PrefixBodyRefs,
	meta.PrefixUpload, meta.PrefixPart, meta.PrefixFinished, meta.PrefixBlobOwner, meta.PrefixGarbage,
	meta.PrefixEvent, meta.PrefixDeadEvent, meta.PrefixEventCount, meta.PrefixDelivery,
	meta.PrefixReplication, meta.PrefixReplicationCount,
}

// repairRounds is how often a repair looks again: to remove one thing can leave
// another.
const repairRounds = 4

// inspection is what a check goes over.
type inspection struct {
	meta    meta.Store
	objects *objects.Service
	// attached are the disks that are there, by id.
	attached map[string]bool
	giveUp   string        // the disk that is given up, "" if none is
	keys     *keys.Service // nil if the master key is not at hand
	master   error         // why the one at hand does not open the secrets
	sealed   error         // why the key of encrypted objects does not open
	scratch  string        // a folder for what does not fit into memory
	now      func() time.Time
	stopped  bool // no server runs
}

// run checks once, or as often as there is something to mend. found hears of
// everything in the first round, and of what was mended in the others.
func (i inspection) run(ctx context.Context, caller coffer.Caller, in api.CheckInput, found func(api.Found) error) (objects.Checked, error) {
	var sum objects.Checked
	for round := range repairRounds {
		mended := 0
		did, err := i.once(ctx, in.Data, func(f coffer.Finding, mend func(meta.Tx) error) error {
			out := api.Found{Finding: f, Mendable: mend != nil && i.mends(f.Mend, in)}
			if in.Repair && out.Mendable {
				switch err := i.mend(ctx, caller, f, mend); {
				case err == nil:
					out.Mended = true
					mended++
				case ctx.Err() != nil || errors.Is(err, meta.ErrClosed):
					return err
				default:
					out.Detail += " (it was not mended: " + err.Error() + ")"
				}
			}
			if round > 0 && !out.Mended {
				return nil
			}
			return found(out)
		})
		if round == 0 || err != nil {
			sum = did
		}
		if err != nil || mended == 0 {
			return sum, err
		}
	}
	return sum, nil
}

// mends tells whether a repair may mend what can be mended at some times only.
func (i inspection) mends(when coffer.Mend, in api.CheckInput) bool {
	switch when {
	case coffer.MendAnytime:
		return true
	case coffer.MendStopped:
		return i.stopped
	case coffer.MendRemove:
		return in.RemoveDamaged
	}
	return false
}

// mend mends one finding, and says so in the audit log.
func (i inspection) mend(ctx context.Context, caller coffer.Caller, f coffer.Finding, mend func(meta.Tx) error) error {
	return i.meta.Update(ctx, func(tx meta.Tx) error {
		target := f.Record
		if f.Key != "" {
			target = string(f.Bucket) + "/" + f.Key
		}
		e := audit.By(ctx, caller, i.now(), f.Account, "instance.repair", target)
		e.After = map[string]string{"code": f.Code, "record": f.Record, "version": f.Version, "detail": f.Detail}
		return errors.Join(mend(tx), audit.Write(tx, e))
	})
}

// once goes over everything on one snapshot.
func (i inspection) once(ctx context.Context, data bool, found func(coffer.Finding, func(meta.Tx) error) error) (did objects.Checked, err error) {
	err = i.meta.View(ctx, func(r meta.Reader) error {
		if i.master != nil {
			if err := found(foundMaster.In("master key").Because(i.master.Error()), nil); err != nil {
				return err
			}
		}
		if i.sealed != nil {
			if err := found(foundObjectKey.In("key of objects").Because(i.sealed.Error()), nil); err != nil {
				return err
			}
		}
		if err := errors.Join(checkInstance(r, found), i.checkDiskRecords(ctx, r, found)); err != nil {
			return err
		}
		if err := accounts.Check(ctx, r, found); err != nil {
			return err
		}
		if err := keys.Check(ctx, r, keys.CheckInput{Keys: i.keys, Account: accounts.Exists, Found: found}); err != nil {
			return err
		}
		if err := audit.Check(ctx, r, found); err != nil {
			return err
		}
		did, err = i.objects.Check(ctx, r, objects.CheckInput{Data: data, Account: accounts.Exists, Found: found, Scratch: i.scratchFile})
		return err
	})
	return did, err
}

// scratchFile makes a file without a name, so that nothing is left of it.
func (i inspection) scratchFile() (objects.Scratch, error) {
	f, err := os.CreateTemp(i.scratch, "coffer-check-")
	if err != nil {
		return nil, err
	}
	return f, os.Remove(f.Name())
}

// checkInstance checks the records of the server itself, and that there are none
// that nobody checks.
func checkInstance(r meta.Reader, found func(coffer.Finding, func(meta.Tx) error) error) error {
	for name, read := range map[string]func([]byte) error{
		string(formatKey()): readFormat,
		string(rootKey()): func(value []byte) error {
			id, err := decodeRoot(value)
			if err == nil {
				var ok bool
				if ok, err = accounts.Exists(r, id); err == nil && !ok {
					err = fmt.Errorf("it names the account %s, which does not exist", id)
				}
			}
			return err
		},
	} {
		value, err := meta.Peek(r, []byte(name))
		if err != nil {
			return err
		}
		if err := read(value); err != nil {
			if err := found(foundInstance.In(name).Because(err.Error()), nil); err != nil {
				return err
			}
		}
	}
	known := [256]bool{}
	for _, p := range checkedPrefixes {
		known[p] = true
	}
	it := r.Iter(nil, nil)
	defer it.Close()
	for ok := it.Next(); ok; {
		p := it.Key()[0]
		if !known[p] {
			if err := found(foundUnknown.In(fmt.Sprintf("%q", p)), nil); err != nil {
				return err
			}
		}
		end := meta.PrefixEnd([]byte{p})
		ok = end != nil && it.SeekGE(end)
	}
	return it.Err()
}

// checkDiskRecords checks the records of disks, and that the disks are there. What is
// written anew has no folder, as of a disk that is somewhere else now: the next start
// notes where it is.
func (i inspection) checkDiskRecords(ctx context.Context, r meta.Reader, found func(coffer.Finding, func(meta.Tx) error) error) error {
	prefix := diskKey("")
	return meta.Each(ctx, r, prefix, func(key, value []byte) error {
		d, damaged := decodeDisk(value)
		id := string(key[len(prefix):])
		if !i.attached[id] && d.lost.IsZero() {
			kind, mend := foundDiskMissing, (func(meta.Tx) error)(nil)
			if id == i.giveUp {
				kind, mend = foundDiskLost, meta.Unchanged(key, value, func(tx meta.Tx) error {
					return tx.Set(diskKey(id), encodeDisk(knownDisk{dir: d.dir, lost: i.now()}))
				})
			}
			err := found(kind.In("disk", id).Because("it was last at "+d.place()), mend)
			if err != nil || mend != nil {
				return err
			}
		}
		if damaged == nil {
			return nil
		}
		at := bytes.Clone(key)
		return found(foundDisk.In(string(key)).Because(damaged.Error()), meta.Unchanged(key, value, func(tx meta.Tx) error { return tx.Set(at, encodeDisk(knownDisk{})) }))
	})
}

// inspection is what a check of a server that runs goes over.
func (s *Server) inspection() inspection {
	return inspection{meta: s.stores.meta, objects: s.stores.objects, attached: s.stores.attached, keys: s.stores.keys, scratch: s.cfg.Data, now: s.cfg.Now}
}

// check serves a call of the operator interface. One repair is done at a time: two
// would both add what a counter lacks.
func (s *Server) check(ctx context.Context, caller coffer.Caller, in api.CheckInput, found func(api.Found) error) (objects.Checked, error) {
	if in.Repair {
		s.repairing.Lock()
		defer s.repairing.Unlock()
	}
	return s.inspection().run(ctx, caller, in, found)
}

// CheckInput is what a check of a folder is asked for on which no server runs.
type CheckInput struct {
	api.CheckInput
	// GiveUpDisk is the id of a disk that is missing, and lost for good: it is taken for
	// one without a blob, and noted as such with Repair.
	GiveUpDisk string
	// AcceptLostLog goes on without the newest records, with Repair, if the log of the
	// metadata cannot be read to its end.
	AcceptLostLog bool
}

// folderOfServer refuses what is no folder: nobody wants to hear that all is well with a
// name that was mistyped.
func folderOfServer(dir string) error {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return fmt.Errorf("%s is no folder of a server: name the data folder with --data, and all its disks", dir)
	}
	return nil
}

// Check goes over a data folder on which no server runs, as the operator interface
// does where one does. It needs the master key only to look into what is encrypted.
func Check(ctx context.Context, cfg Config, in CheckInput, found func(api.Found) error) (did objects.Checked, err error) {
	if err := cfg.check(); err != nil {
		return did, err
	}
	if err := folderOfServer(metaDir(cfg.Data)); err != nil {
		return did, err
	}
	unlock, err := lockFolder(cfg.Data)
	if err != nil {
		return did, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	s, err := openForCheck(ctx, &cfg, in, false)
	var lost error
	if in.Repair && in.AcceptLostLog && errors.Is(err, pebble.ErrLostLog) {
		lost = err
		s, err = openForCheck(ctx, &cfg, in, true)
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err != nil {
		return did, storeError(cfg.Data, err)
	}
	i := inspection{meta: s.meta, objects: s.objects, attached: s.attached, giveUp: in.GiveUpDisk, keys: s.keys, master: s.masterErr, sealed: s.objectKeyErr, scratch: filepath.Clean(cfg.Data), now: cfg.Now, stopped: true}
	caller := coffer.Caller{Operator: true, Name: "operator"}
	if lost != nil {
		f := foundLostLog.In("metadata").Because(lost.Error())
		if err := i.mend(ctx, caller, f, func(meta.Tx) error { return nil }); err != nil {
			return did, err
		}
		if err := found(api.Found{Finding: f, Mendable: true, Mended: true}); err != nil {
			return did, err
		}
	}
	return i.run(ctx, caller, in.CheckInput, found)
}
