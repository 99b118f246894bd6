package main

import (
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
)

// options are what a run was asked for.
type options struct {
	rounds   int
	duration time.Duration // of one line in one round
	limit    time.Duration // of the whole run
	keys     int           // of the bucket that is listed and read from
	lines    *regexp.Regexp
	data     string // folder in which the run makes its own
	json     string
	coffer   string            // a program built already, or empty
	peers    map[string]string // program by name
	bare     string            // address: only serve the bare handler there
	grow     int               // keys that one bucket grows to, instead of all lines; 0 for no growth
	size     int               // bytes of each object of that bucket
}

func parseOptions(args []string, stderr io.Writer) (options, error) {
	opt := options{peers: map[string]string{}}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(stderr)
	long := f.Bool("long", false, "the long form: 1,000,000 keys, 5 rounds, 10 s a line, 4 h at most; flags given beside it count more")
	lines := f.String("lines", "", "run only the lines whose name matches this `regexp`")
	f.IntVar(&opt.rounds, "rounds", 3, "how often everything is measured; the table shows medians")
	f.DurationVar(&opt.duration, "duration", 2*time.Second, "length of each line in each round")
	f.DurationVar(&opt.limit, "limit", 15*time.Minute, "length of the whole run; what is left then is not measured")
	f.IntVar(&opt.keys, "keys", 100_000, "objects of 4 KiB that are listed and read")
	f.StringVar(&opt.data, "data", os.TempDir(), "`folder` on the disk to be measured; the run makes its own in it and removes it")
	f.StringVar(&opt.json, "json", "bin/bench.json", "write every figure of every round to this `file`; empty writes none")
	f.StringVar(&opt.coffer, "coffer", "", "`program` to measure, instead of one built from this tree")
	f.StringVar(&opt.bare, "bare", "", "serve a bare net/http handler on this `address` and do nothing else: what the run starts for that limit")
	f.IntVar(&opt.grow, "grow", 0, "instead of all lines: let one bucket grow to so many `keys` and compare it with itself at 100,000; its folder stays in -data, and a run that was ended goes on")
	f.IntVar(&opt.size, "size", filledSize, "`bytes` of each object of the bucket that grows")
	f.Func("peer", "`NAME=PATH` of a peer's program, with the names "+strings.Join(peerNames(), ", ")+"; may be repeated", opt.addPeer)
	f.Usage = func() {
		fmt.Fprintf(stderr, "Usage: go run ./bench [flags]\n\nMeasures coffer, its peers and the machine in one run. Flags:\n")
		f.PrintDefaults()
		fmt.Fprintf(stderr, "\nLines:\n")
		for _, l := range plan() {
			fmt.Fprintf(stderr, "  %s\n", l.name)
		}
	}
	if err := f.Parse(args); err != nil {
		return opt, err
	}
	if f.NArg() > 0 {
		return opt, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	if *long {
		given := map[string]bool{}
		f.Visit(func(g *flag.Flag) { given[g.Name] = true })
		opt.lengthen(given)
	}
	var err error
	if opt.lines, err = regexp.Compile(*lines); err != nil {
		return opt, fmt.Errorf("-lines: %w", err)
	}
	return opt, opt.check()
}

func (o *options) addPeer(text string) error {
	name, path, ok := strings.Cut(text, "=")
	if !ok || path == "" || !slices.Contains(peerNames(), name) {
		return fmt.Errorf("want one of %s, then = and a path", strings.Join(peerNames(), ", "))
	}
	o.peers[name] = path
	return nil
}

func (o *options) lengthen(given map[string]bool) {
	if !given["keys"] {
		o.keys = 1_000_000
	}
	if !given["rounds"] {
		o.rounds = 5
	}
	if !given["duration"] {
		o.duration = 10 * time.Second
	}
	if !given["limit"] {
		o.limit = 4 * time.Hour
	}
}

// check keeps a run bounded, whatever was typed.
func (o *options) check() error {
	switch {
	case o.rounds < 1 || o.rounds > 100:
		return fmt.Errorf("-rounds %d: want 1 to 100", o.rounds)
	case o.duration < 10*time.Millisecond || o.duration > 10*time.Minute:
		return fmt.Errorf("-duration %s: want 10ms to 10m", o.duration)
	case o.keys < 1000 || o.keys > 100_000_000:
		return fmt.Errorf("-keys %d: want 1000 to 100000000", o.keys)
	case o.grow != 0 && (o.grow < growFrom || o.grow > 100_000_000):
		return fmt.Errorf("-grow %d: want %d to 100000000", o.grow, growFrom)
	case o.size < 1 || o.size > mib:
		return fmt.Errorf("-size %d: want 1 to %d", o.size, mib)
	case o.limit <= 0:
		return fmt.Errorf("-limit %s: want more than 0", o.limit)
	}
	return nil
}

func peerNames() []string { return slices.Sorted(maps.Keys(peers())) }
