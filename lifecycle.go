package coffer

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Lifecycle is what becomes of the objects of a bucket as they grow old (AWS,
// "Lifecycle configuration elements").
type Lifecycle struct {
	Rules []LifecycleRule
	// TransitionMinimum says which objects are too small to change their class; it
	// is one of the two constants below.
	TransitionMinimum string
}

// The values of Lifecycle.TransitionMinimum: no object of less than 128 KiB changes
// its class, or such objects change into the GLACIER classes only.
const (
	TransitionMinimumAll    = "all_storage_classes_128K"
	TransitionMinimumVaries = "varies_by_storage_class"

	transitionSizeMin = 128 << 10
)

// LifecycleRule is one rule. Days are at least 1; 0 stands for none.
type LifecycleRule struct {
	ID      string
	Enabled bool
	Filter  LifecycleFilter
	// Expiration ends current versions, Noncurrent others.
	Expiration *LifecycleExpiration
	Noncurrent *LifecycleNoncurrent
	// AbortDays is after how many days an upload is aborted.
	AbortDays             int
	Transitions           []LifecycleTransition
	NoncurrentTransitions []LifecycleNoncurrent
}

// LifecycleForm is how the prefix of a rule stands in its document.
type LifecycleForm string

// The forms: Filter with at most one condition, Filter with And, and the prefix
// without Filter, as it was before there were filters.
const (
	LifecycleFiltered LifecycleForm = "Filter"
	LifecycleAnd      LifecycleForm = "And"
	LifecycleLegacy   LifecycleForm = "Prefix"
)

// LifecycleFilter says which objects a rule is for: those that meet all.
type LifecycleFilter struct {
	Form LifecycleForm
	// Prefix is nil where the document has none, which is not the same to a client
	// as an empty one.
	Prefix *string
	Tags   []Tag
	// LargerThan and SmallerThan are in bytes, both excluded.
	LargerThan, SmallerThan *int64
}

// LifecycleExpiration has one of its three.
type LifecycleExpiration struct {
	Days int
	Date time.Time
	// DeleteMarkers removes delete markers that hide nothing any more.
	DeleteMarkers *bool
}

// LifecycleNoncurrent is about versions that are not current any more, for Days,
// but for the Keep newest of them. Class is set for a transition.
type LifecycleNoncurrent struct {
	Days  int
	Keep  int
	Class string
}

// LifecycleTransition changes the class of current versions. Days counts if Date is
// zero, and may be 0.
type LifecycleTransition struct {
	Days  int
	Date  time.Time
	Class string
}

// The limits of a lifecycle configuration. The ID is counted in characters.
const (
	LifecycleRulesMax  = 1000
	lifecycleIDMax     = 255
	lifecycleKeepMax   = 100
	lifecycleDaysMax   = 1<<31 - 1
	lifecycleShortDays = 30 // before which nothing changes to the IA classes
)

// transitionClasses are those that a transition leads to, from the warmest to the
// coldest: objects never go back.
var transitionClasses = []string{"STANDARD_IA", "INTELLIGENT_TIERING", "ONEZONE_IA", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"}

// Colder tells whether a transition may lead from a class to another.
func Colder(from, to string) bool {
	return slices.Index(transitionClasses, to) > slices.Index(transitionClasses, from)
}

// Check tells whether a bucket can have this configuration. The error is
// MalformedXML where AWS's schema forbids it, and else InvalidArgument or
// InvalidRequest.
func (l *Lifecycle) Check() error {
	if len(l.Rules) == 0 || len(l.Rules) > LifecycleRulesMax {
		return Errorf(MalformedXML, "there are 1 to %d rules", LifecycleRulesMax)
	}
	if l.TransitionMinimum != TransitionMinimumAll && l.TransitionMinimum != TransitionMinimumVaries {
		return Errorf(InvalidRequest, "Invalid TransitionDefaultMinimumObjectSize found: %.100s", l.TransitionMinimum)
	}
	seen := make(map[string]bool, len(l.Rules))
	for i := range l.Rules {
		r := &l.Rules[i]
		if utf8.RuneCountInString(r.ID) > lifecycleIDMax {
			return Errorf(InvalidArgument, "ID length should not exceed allowed limit of %d", lifecycleIDMax)
		}
		if seen[r.ID] {
			return Errorf(InvalidArgument, "Rule ID must be unique. Found same ID for more than one rule")
		}
		seen[r.ID] = true
		if (r.Filter.Form == LifecycleLegacy) != (l.Rules[0].Filter.Form == LifecycleLegacy) {
			return Errorf(InvalidRequest, "Base level prefix cannot be used in Lifecycle V2, prefixes are only supported in the Filter.")
		}
		if err := r.Filter.check(); err != nil {
			return err
		}
		if err := r.check(); err != nil {
			return err
		}
	}
	return nil
}

func (r *LifecycleRule) check() error {
	if r.Expiration == nil && r.Noncurrent == nil && r.AbortDays == 0 && len(r.Transitions) == 0 && len(r.NoncurrentTransitions) == 0 {
		return Errorf(InvalidRequest, "At least one action needs to be specified in a rule")
	}
	narrow := len(r.Filter.Tags) > 0 || r.Filter.LargerThan != nil || r.Filter.SmallerThan != nil
	if r.AbortDays != 0 && narrow {
		return Errorf(InvalidRequest, "AbortIncompleteMultipartUpload cannot be specified with %s.", r.Filter.narrowedBy())
	}
	if e := r.Expiration; e != nil {
		if e.DeleteMarkers != nil && narrow {
			return Errorf(InvalidRequest, "ExpiredObjectDeleteMarker cannot be specified with %s.", r.Filter.narrowedBy())
		}
		if !e.Date.IsZero() && !e.Date.Equal(e.Date.Truncate(24*time.Hour)) {
			return notMidnight(e.Date)
		}
	}
	for _, n := range append(slices.Clone(r.NoncurrentTransitions), pointed(r.Noncurrent)...) {
		if n.Keep != 0 && r.Filter.Form == LifecycleLegacy {
			return Errorf(InvalidRequest, "NewerNoncurrentVersions element can only be used in Lifecycle V2.")
		}
		if n.Keep < 0 || n.Keep > lifecycleKeepMax {
			return Errorf(InvalidArgument, "'NewerNoncurrentVersions' must be a positive integer of at most %d", lifecycleKeepMax)
		}
	}
	return r.checkTransitions()
}

func pointed[T any](p *T) []T {
	if p == nil {
		return nil
	}
	return []T{*p}
}

func (r *LifecycleRule) checkTransitions() error {
	var classes []string
	for _, t := range r.Transitions {
		if err := checkTransitionClass(t.Class); err != nil {
			return err
		}
		if slices.Contains(classes, t.Class) {
			return Errorf(InvalidRequest, "'StorageClass' must be different for 'Transition' actions in same 'Rule' %s", r.Filter.words())
		}
		classes = append(classes, t.Class)
		switch {
		case !t.Date.IsZero() && !t.Date.Equal(t.Date.Truncate(24*time.Hour)):
			return notMidnight(t.Date)
		case t.Date.IsZero() && t.Days < lifecycleShortDays && strings.HasSuffix(t.Class, "_IA"):
			return Errorf(InvalidArgument, "'Days' in Transition action must be greater than or equal to %d for storageClass '%s'", lifecycleShortDays, t.Class)
		}
		if e := r.Expiration; e != nil && e.DeleteMarkers == nil {
			if e.Date.IsZero() != t.Date.IsZero() {
				return Errorf(InvalidRequest, "Found mixed 'Date' and 'Days' based Expiration and Transition actions in lifecycle rule for %s", r.Filter.words())
			}
			if t.Date.IsZero() && e.Days <= t.Days {
				return Errorf(InvalidArgument, "'Days' in the Expiration action for %s must be greater than 'Days' in the Transition action", r.Filter.words())
			}
			if !t.Date.IsZero() && !e.Date.After(t.Date) {
				return Errorf(InvalidArgument, "'Date' in the Expiration action for %s must be later than 'Date' in the Transition action", r.Filter.words())
			}
		}
	}
	for _, t := range r.NoncurrentTransitions {
		if err := checkTransitionClass(t.Class); err != nil {
			return err
		}
		if r.Noncurrent != nil && r.Noncurrent.Days <= t.Days {
			return Errorf(InvalidArgument, "'NoncurrentDays' in the NoncurrentVersionExpiration action for %s must be greater than "+
				"'NoncurrentDays' in the NoncurrentVersionTransition action", r.Filter.words())
		}
	}
	return nil
}

func checkTransitionClass(class string) error {
	if !slices.Contains(transitionClasses, class) {
		return Errorf(MalformedXML, "the StorageClass of a transition is one of %s", strings.Join(transitionClasses, ", "))
	}
	return nil
}

func (f *LifecycleFilter) check() error {
	if f.Prefix != nil && len(*f.Prefix) > ObjectKeyMax {
		return Errorf(InvalidRequest, "The maximum size of a prefix is %d.", ObjectKeyMax)
	}
	seen := map[string]bool{}
	for _, t := range f.Tags {
		if seen[t.Key] {
			return Errorf(InvalidRequest, "Duplicate Tag Keys are not allowed.")
		}
		seen[t.Key] = true
		if t.Key == "" || utf16Len(t.Key) > tagKeyMax {
			return Errorf(InvalidRequest, "A Tag's Key must be a length between 1 and %d.", tagKeyMax)
		}
		if utf16Len(t.Value) > tagValueMax {
			return Errorf(InvalidRequest, "A Tag's Value must be a length between 0 and %d.", tagValueMax)
		}
	}
	if err := checkTags(f.Tags, systemTag); err != nil {
		return err
	}
	switch {
	case f.LargerThan != nil && (*f.LargerThan < 0 || *f.LargerThan > ObjectSizeMax):
		return Errorf(InvalidRequest, "'ObjectSizeGreaterThan' must be between 0 and %d", int64(ObjectSizeMax))
	case f.SmallerThan != nil && (*f.SmallerThan < 1 || *f.SmallerThan > ObjectSizeMax):
		return Errorf(InvalidRequest, "'ObjectSizeLessThan' must be between 1 and %d", int64(ObjectSizeMax))
	case f.LargerThan != nil && f.SmallerThan != nil && *f.SmallerThan <= *f.LargerThan:
		return Errorf(InvalidRequest, "'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'")
	}
	return nil
}

func (f *LifecycleFilter) prefix() string {
	if f.Prefix == nil {
		return ""
	}
	return *f.Prefix
}

// words names the filter as AWS's refusals do.
func (f *LifecycleFilter) words() string {
	if f.Form == LifecycleLegacy {
		return "prefix '" + f.prefix() + "'"
	}
	return fmt.Sprintf("filter '(prefix=%s)'", f.prefix())
}

func (f *LifecycleFilter) narrowedBy() string {
	if len(f.Tags) > 0 {
		return "Tags"
	}
	return "Object Size"
}

func notMidnight(date time.Time) error {
	return Errorf(InvalidArgument, "'Date' must be at midnight GMT").
		With("ArgumentName", "Date").With("ArgumentValue", date.UTC().Format("2006-01-02T15:04:05.000Z"))
}
