package audit

import (
	"context"
	"fmt"
	"strconv"

	"coffer"
	"coffer/meta"
)

// What a check of the log can find.
var (
	foundEvent = coffer.FindingKind{Code: "audit-event", Severity: coffer.LostData, Mend: coffer.MendNever,
		Means: "An event of the audit log cannot be read.", Remedy: "Restore the metadata from a backup."}
	foundIndex = coffer.FindingKind{Code: "audit-index", Severity: coffer.WrongRecord, Mend: coffer.MendAnytime,
		Means: "An event is missing from the list of all accounts' events, so that it would never end.", Remedy: "Repair writes the list anew."}
	foundTraffic = coffer.FindingKind{Code: "audit-traffic", Severity: coffer.WrongRecord, Mend: coffer.MendAnytime,
		Means: "How many requests an account had on a day cannot be read.", Remedy: "Repair removes the number: that day counts as none."}
	foundIndexLeft = coffer.FindingKind{Code: "audit-index-left", Severity: coffer.LeftOver, Mend: coffer.MendAnytime,
		Means: "The list of all accounts' events has one that does not exist.", Remedy: "Repair takes it off the list. If nobody removed it, the log was tampered with."}
)

// Check goes through every record of the log as r has it. found hears of each
// finding, and of what mends it in a transaction. The error is one that kept it from
// checking.
func Check(ctx context.Context, r meta.Reader, found func(coffer.Finding, func(meta.Tx) error) error) error {
	err := meta.Each(ctx, r, []byte{meta.PrefixAudit}, func(key, value []byte) error {
		if len(key) > 1 && key[1] == rowTime {
			p, account, err := splitTimeKey(key)
			if err == nil {
				ok, err := meta.Has(r, eventKey(account, p))
				if err != nil || ok {
					return err
				}
			}
			return found(about(foundIndexLeft, key, account), meta.Drop(key, value))
		}
		if len(key) > 1 && key[1] == rowTraffic {
			k, _, err := splitTrafficKey(key)
			if err == nil {
				_, err = meta.Counter(value)
			}
			if err != nil {
				return found(about(foundTraffic, key, k.account).Because(err.Error()), meta.Drop(key, value))
			}
			return nil
		}
		if len(key) < 2 || key[1] != rowEvent {
			return found(about(foundEvent, key, "").Because("the key of the record is malformed"), nil)
		}
		account, p, err := splitEventKey(key)
		if err != nil {
			return found(about(foundEvent, key, "").Because(err.Error()), nil)
		}
		if e, err := decode(value); err != nil || e.ID != p.String() {
			return found(about(foundEvent, key, account).Because(fmt.Sprint(err)), nil)
		}
		index := timeKey(p, account)
		ok, err := meta.Has(r, index)
		if err != nil || ok {
			return err
		}
		key = append([]byte(nil), key...)
		return found(about(foundIndex, key, account), func(tx meta.Tx) error {
			if ok, err := meta.Has(tx, key); err != nil || !ok {
				return err
			}
			return tx.Set(index, nil)
		})
	})
	if err != nil {
		return fmt.Errorf("check the audit log: %w", err)
	}
	return nil
}

func about(k coffer.FindingKind, key []byte, account coffer.AccountID) coffer.Finding {
	f := k.In(string(key[:1]), strconv.Quote(string(key[1:])))
	f.Account = account
	return f
}
