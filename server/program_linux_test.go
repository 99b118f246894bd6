package server

import (
	"slices"
	"strings"
	"testing"
)

const smaps = `00400000-01a00000 r-xp 00000000 fe:00 1049                       /usr/bin/coffer
Size:              22528 kB
Rss:               17600 kB
Anonymous:             0 kB
VmFlags: rd ex mr mw me sd
01a00000-03100000 r--p 01600000 fe:00 1049                       /usr/bin/coffer
Rss:               19036 kB
Anonymous:             0 kB
03100000-03101000 r--p 02d00000 fe:00 1049                       /usr/bin/coffer
Rss:                   4 kB
Anonymous:             4 kB
03101000-03200000 rw-p 02d01000 fe:00 1049                       /usr/bin/coffer
Rss:                 696 kB
Anonymous:             0 kB
283e94000000-283e95000000 rw-p 00000000 00:00 0
Rss:                8420 kB
Anonymous:          8420 kB
7f7000000000-7f7000001000 r-xp 00000000 fe:00 2                  /usr/lib/libc.so.6
Rss:                   4 kB
Anonymous:             0 kB
7f7000002000-7f7000003000 r-xp 00000000 fe:00 2                  /opt/usr/bin/coffer
Rss:                   4 kB
Anonymous:             0 kB
`

func TestUntouchedAreThePagesOfTheFileAlone(t *testing.T) {
	got, err := untouched(strings.NewReader(smaps), "/usr/bin/coffer")
	want := []mapping{{0x400000, 0x1a00000, 17600 << 10}, {0x1a00000, 0x3100000, 19036 << 10}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("untouched = %x, %v, want %x", got, err, want)
	}
	for _, text := range []string{"", "Rss: 4 kB\n", "x-y r-xp 0 0 0 /p\nRss: 1 kB\n", "2-1 r-xp 0 0 0 /p\n", "1-2 r-xp 0 0 0 /p\nAnonymous: none kB\n", "\n\n-"} {
		if got, err := untouched(strings.NewReader(text), "/p"); err != nil || len(got) > 0 {
			t.Errorf("untouched of %q = %v, %v, want nothing", text, got, err)
		}
	}
}

// TestAProgramRunsOnWithoutItsPages: the tests of this package go on after it.
func TestAProgramRunsOnWithoutItsPages(t *testing.T) {
	first, err := releaseProgram()
	if err != nil || first == 0 {
		t.Fatalf("releaseProgram = %d, %v, want the pages that the start touched", first, err)
	}
	again, err := releaseProgram()
	if err != nil || again >= first {
		t.Errorf("releaseProgram = %d, %v at once after %d, want less", again, err, first)
	}
}
