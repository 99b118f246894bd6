package coffer

import (
	"slices"
	"strings"
)

// Preset is a named set of actions.
type Preset string

// The presets. What makes, changes or deletes buckets is in full alone.
const (
	PresetFull       Preset = "full"
	PresetReadWrite  Preset = "read-write"
	PresetReadOnly   Preset = "read-only"
	PresetWriteOnly  Preset = "write-only"
	PresetCreateOnly Preset = "create-only"
	PresetListOnly   Preset = "list-only"
)

// Presets lists all presets, from the widest to the narrowest.
func Presets() []Preset {
	return []Preset{PresetFull, PresetReadWrite, PresetReadOnly, PresetWriteOnly, PresetCreateOnly, PresetListOnly}
}

// Words says what the preset allows, for a person who chooses one.
func (p Preset) Words() string {
	switch p {
	case PresetFull:
		return "everything, including making, setting up and deleting buckets"
	case PresetReadWrite:
		return "list, read, write, overwrite and delete objects"
	case PresetReadOnly:
		return "list and read objects"
	case PresetWriteOnly:
		return "write and overwrite objects; not list, read or delete them"
	case PresetCreateOnly:
		return "write new objects; never overwrite, delete, list or read them"
	case PresetListOnly:
		return "list objects; not read them"
	}
	return ""
}

func presetList() string {
	var names []string
	for _, p := range Presets() {
		names = append(names, string(p))
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

// Actions are the actions of the preset, none if it is none.
func (p Preset) Actions() Actions { return Actions{p.actions()} }

// overwrites tells whether the preset's writes may replace an object.
func (p Preset) overwrites() bool { return p != PresetCreateOnly }

// actions returns the actions of the preset, and none for what is no preset.
func (p Preset) actions() actionSet {
	switch p {
	case PresetFull:
		return setFull
	case PresetReadWrite:
		return setReadWrite
	case PresetReadOnly:
		return setReadOnly
	case PresetWriteOnly, PresetCreateOnly:
		return setWrite
	case PresetListOnly:
		return setList
	}
	return actionSet{}
}

// actionSet has one bit for each Action.
type actionSet [2]uint64

func (s actionSet) has(a Action) bool { return s[a/64]>>(a%64)&1 == 1 }

func (s actionSet) contains(t actionSet) bool { return t[0]&^s[0] == 0 && t[1]&^s[1] == 0 }

func (s actionSet) union(t actionSet) actionSet { return actionSet{s[0] | t[0], s[1] | t[1]} }

func (s actionSet) with(actions ...Action) actionSet {
	for _, a := range actions {
		s[a/64] |= 1 << (a % 64)
	}
	return s
}

// between has the actions from a to b, both included.
func between(a, b Action) []Action {
	var all []Action
	for ; a <= b; a++ {
		all = append(all, a)
	}
	return all
}

// The sets behind the presets. They follow the order of the constants, so an
// action that is added to a group there joins the presets of that group.
var (
	// setAlways is what every grant allows: see Allows.
	setAlways = actionSet{}.with(ListAllMyBuckets, GetBucketLocation)

	setList      = actionSet{}.with(between(ListAllMyBuckets, GetBucketLocation)...)
	setReadOnly  = setList.with(slices.Concat(between(GetBucketLocation, GetIntelligentTieringConfiguration), between(GetObject, GetObjectTorrent))...)
	setWrite     = actionSet{}.with(ListAllMyBuckets, GetBucketLocation).with(between(PutObject, ListMultipartUploadParts)...)
	setReadWrite = setReadOnly.with(between(PutObject, RestoreObject)...)
	setFull      = actionSet{}.with(between(ListAllMyBuckets, ActionCount-1)...)
)
