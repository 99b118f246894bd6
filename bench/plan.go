package main

import "fmt"

const (
	kib = 1 << 10
	mib = 1 << 20
)

// line is one line of the table: work for a server, or a figure about it.
type line struct {
	name string
	unit string  // of the rate or the figure
	per  float64 // units that one step makes; 0 for a figure
	tls  bool    // over TLS, for a server that this program gives a certificate
	less bool    // less is better
	size int     // bytes that one step writes, for write amplification

	conns  int
	filled bool     // reads the filled bucket
	warm   bool     // a while goes by unmeasured first
	max    int      // steps of one round, 0 for no bound but time
	limits []string // names of limits; the lowest of them is what counts

	prepare func(s *session) error
	step    func(w *worker) error
}

// The figures about a server, which need no step.
const (
	figureStartEmpty = "start, empty"
	figureStart      = "start, with the keys"
	figureIdle       = "RSS, idle with the keys"
	figurePeak       = "RSS, peak of the round"
	figureDisk       = "on disk per 4 KiB object"
	figureAmplified  = "bytes written per byte of 4 KiB objects"
)

// What the lines work on. Overwriting a few keys keeps the disk bounded.
var (
	smallPool = pool{prefix: "p/", size: 4 * kib}
	midPool   = pool{prefix: "m/", size: mib, keys: 64}
	bigPool   = pool{prefix: "b/", size: 64 * mib, keys: 4}
	partsPool = pool{prefix: "u/", size: 64 * mib, keys: 4}
	mixedPool = pool{prefix: "x/", size: 16 * kib, keys: mixedKeys * mixedConns}
)

// bigMax bounds what the 64 MiB lines write in a round: 3 GiB.
const bigMax = 48

// plan returns every line, in the order of the table and of each round: reads
// first, so that they do not pay for what a store tidies after writes, and
// deletes after the PUTs whose keys they delete.
func plan() []line {
	var lines []line
	for _, n := range []int{1, 8, 32} {
		lines = append(lines, line{name: fmt.Sprintf("GET 4 KiB, %s", connections(n)), unit: "ops/s", per: 1, conns: n, filled: true, warm: true,
			limits: []string{bareName("GET", n)}, prepare: prepareFilled, step: getFilled})
	}
	big := float64(bigPool.size) / 1e6
	lines = append(lines,
		line{name: "LIST flat, page of 1,000", unit: "pages/s", per: 1, conns: 1, filled: true, step: listFlat},
		line{name: "LIST below a prefix with a delimiter, page of 1,000", unit: "pages/s", per: 1, conns: 1, filled: true, step: listFolder},
		line{name: "LIST of common prefixes", unit: "pages/s", per: 1, conns: 1, filled: true, step: listPrefixes},
		line{name: "GET 1 MiB, 8 connections", unit: "ops/s", per: 1, conns: 8, warm: true, prepare: midPool.present, step: midPool.get},
		line{name: "GET 64 MiB, 4 connections", unit: "MB/s", per: big, conns: 4, warm: true, limits: []string{limitNginxBig}, prepare: bigPool.present, step: bigPool.get},
	)
	for _, n := range []int{1, 8, 32} {
		lines = append(lines, line{name: fmt.Sprintf("PUT 4 KiB, %s", connections(n)), unit: "ops/s", per: 1, conns: n, size: 4 * kib,
			limits: []string{commitName(n), bareName("PUT", n)}, prepare: prepareSmall, step: putSmall})
	}
	return append(lines,
		line{name: "PUT 1 MiB, 8 connections", unit: "ops/s", per: 1, conns: 8, size: mib, max: 4096, prepare: midPool.signPut, step: midPool.put},
		line{name: "PUT 64 MiB, 4 connections", unit: "MB/s", per: big, conns: 4, size: bigPool.size, max: bigMax,
			limits: []string{limitMD5, limitDisk}, prepare: bigPool.signPut, step: bigPool.put},
		line{name: "PUT 64 MiB in parts of 8 MiB, 4 connections", unit: "MB/s", per: big, conns: 4, size: partsPool.size, max: bigMax,
			limits: []string{limitMD5, limitDisk}, step: putParts},
		line{name: "mixed 16 KiB, 8 connections", unit: "ops/s", per: 1, conns: mixedConns, prepare: prepareMixed, step: mixed},
		line{name: "DELETE, 8 connections", unit: "ops/s", per: 1, conns: 8, prepare: prepareDelete, step: deleteSmall},
		line{name: "multi-delete of 1,000, 4 connections", unit: "keys/s", per: batch, conns: 4, prepare: prepareMultiDelete, step: multiDelete},
		line{name: "PUT 4 KiB, 8 connections, TLS", unit: "ops/s", per: 1, conns: 8, size: 4 * kib, tls: true, prepare: prepareSmall, step: putSmall},
		line{name: "GET 4 KiB, 8 connections, TLS", unit: "ops/s", per: 1, conns: 8, filled: true, warm: true, tls: true, prepare: prepareFilled, step: getFilled},
		line{name: "GET 64 MiB, 4 connections, TLS", unit: "MB/s", per: big, conns: 4, warm: true, tls: true, prepare: bigPool.present, step: bigPool.get},
		line{name: figureStartEmpty, unit: "ms", less: true},
		line{name: figureStart, unit: "ms", less: true, filled: true},
		line{name: figureIdle, unit: "MiB", less: true, filled: true},
		line{name: figurePeak, unit: "MiB", less: true},
		line{name: figureDisk, unit: "bytes", less: true, filled: true},
		line{name: figureAmplified, unit: "bytes", less: true, filled: true},
	)
}

func connections(n int) string {
	if n == 1 {
		return "1 connection"
	}
	return fmt.Sprintf("%d connections", n)
}
