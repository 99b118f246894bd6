package objects

import (
	"bufio"
	"bytes"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// sorterBytes is how much of what is to be sorted is held in memory.
const sorterBytes = 32 << 20

// Scratch is a file for what does not fit into memory. It is gone after Close.
type Scratch interface {
	io.Writer
	io.ReaderAt
	io.Closer
}

// sorter puts any number of entries in order, in bounded memory: sorted runs go to
// a scratch file and are merged. Add comes before sorted, and Close in any case.
type sorter struct {
	scratch func() (Scratch, error)
	limit   int // bytes held in memory

	arena   []byte
	entries [][2]int // where in arena
	file    Scratch
	at      int64
	runs    [][2]int64 // where in file
}

func newSorter(scratch func() (Scratch, error)) *sorter {
	return &sorter{scratch: scratch, limit: sorterBytes}
}

// add takes one entry, made of parts.
func (s *sorter) add(parts ...[]byte) error {
	start := len(s.arena)
	for _, p := range parts {
		s.arena = append(s.arena, p...)
	}
	s.entries = append(s.entries, [2]int{start, len(s.arena)})
	if len(s.arena)+16*len(s.entries) < s.limit {
		return nil
	}
	return s.spill()
}

func (s *sorter) sort() {
	slices.SortFunc(s.entries, func(a, b [2]int) int { return bytes.Compare(s.arena[a[0]:a[1]], s.arena[b[0]:b[1]]) })
}

// spill writes what is in memory as one more run.
func (s *sorter) spill() error {
	if s.file == nil {
		if s.scratch == nil {
			return errors.New("there is more to sort than fits into memory, and no scratch file")
		}
		var err error
		if s.file, err = s.scratch(); err != nil {
			return fmt.Errorf("make a scratch file: %w", err)
		}
	}
	s.sort()
	start := s.at
	w := bufio.NewWriterSize(s.file, 1<<20)
	var head [binary.MaxVarintLen64]byte
	for _, e := range s.entries {
		n := binary.PutUvarint(head[:], uint64(e[1]-e[0]))
		_, _ = w.Write(head[:n]) // Flush tells of the first error
		_, _ = w.Write(s.arena[e[0]:e[1]])
		s.at += int64(n + e[1] - e[0])
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write the scratch file: %w", err)
	}
	s.runs = append(s.runs, [2]int64{start, s.at})
	s.arena, s.entries = s.arena[:0], s.entries[:0]
	return nil
}

func (s *sorter) Close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

// sorted gives the entries in order, equal ones too.
func (s *sorter) sorted() (*merge, error) {
	s.sort()
	m := &merge{}
	i := 0
	memory := &run{next: func() ([]byte, error) {
		if i == len(s.entries) {
			return nil, io.EOF
		}
		e := s.entries[i]
		i++
		return s.arena[e[0]:e[1]], nil
	}}
	all := []*run{memory}
	for _, r := range s.runs {
		all = append(all, fileRun(s.file, r))
	}
	for _, r := range all {
		if err := r.advance(); err != nil {
			return nil, err
		}
		if !r.over {
			m.runs = append(m.runs, r)
		}
	}
	heap.Init(m)
	return m, nil
}

// run is one sorted sequence, and where it stands.
type run struct {
	next func() ([]byte, error) // io.EOF at the end
	head []byte
	over bool
}

func (r *run) advance() error {
	var err error
	if r.head, err = r.next(); err == io.EOF {
		r.over = true
		return nil
	}
	return err
}

func fileRun(f io.ReaderAt, span [2]int64) *run {
	in := bufio.NewReaderSize(io.NewSectionReader(f, span[0], span[1]-span[0]), 64<<10)
	var b []byte
	return &run{next: func() ([]byte, error) {
		n, err := binary.ReadUvarint(in)
		if err != nil {
			return nil, err
		}
		b = slices.Grow(b[:0], int(n))[:n]
		if _, err := io.ReadFull(in, b); err != nil {
			return nil, fmt.Errorf("read the scratch file: %w", err)
		}
		return b, nil
	}}
}

// merge is the entries of a sorter in order.
type merge struct{ runs []*run }

// peek is the next entry, nil at the end. It is valid until advance.
func (m *merge) peek() []byte {
	if len(m.runs) == 0 {
		return nil
	}
	return m.runs[0].head
}

func (m *merge) advance() error {
	if err := m.runs[0].advance(); err != nil {
		return err
	}
	if m.runs[0].over {
		heap.Pop(m)
	} else {
		heap.Fix(m, 0)
	}
	return nil
}

// Len, Less, Swap, Push and Pop are heap.Interface.
func (m *merge) Len() int           { return len(m.runs) }
func (m *merge) Less(i, j int) bool { return bytes.Compare(m.runs[i].head, m.runs[j].head) < 0 }
func (m *merge) Swap(i, j int)      { m.runs[i], m.runs[j] = m.runs[j], m.runs[i] }

// Push is of no use here: all runs are there from the beginning.
func (m *merge) Push(any) {}

// Pop takes the last one away.
func (m *merge) Pop() any {
	last := m.runs[len(m.runs)-1]
	m.runs = m.runs[:len(m.runs)-1]
	return last
}
