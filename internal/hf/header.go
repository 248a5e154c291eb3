package hf

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

const (
	maxHeader = 100_000_000 // bytes, as the reference reader
	maxRank   = 64          // dimensions, as torch
)

// An entry is one tensor of a header. Its data are bytes [begin, end) after
// the header.
type entry struct {
	name       string
	dtype      DType
	shape      []int64
	begin, end int64
}

// parseFile reads the layout of a safetensors file: eight bytes of header
// length, the header, the data. It returns the entries in data order, which
// fill the data without hole or overlap, and where the data starts.
func parseFile(file []byte) (entries []entry, meta map[string]string, start int64, err error) {
	size := int64(len(file))
	if size < 8 {
		return nil, nil, 0, fmt.Errorf("truncated: want at least 8 bytes, got %d", size)
	}
	n := binary.LittleEndian.Uint64(file)
	if n > maxHeader {
		return nil, nil, 0, fmt.Errorf("header of %d bytes, at most %d are allowed; is this a safetensors file?", n, maxHeader)
	}
	start = 8 + int64(n)
	if start > size {
		return nil, nil, 0, fmt.Errorf("truncated: header ends at byte %d, file at %d", start, size)
	}
	if entries, meta, err = parseHeader(file[8:start]); err != nil {
		return nil, nil, 0, fmt.Errorf("header: %w", err)
	}
	return entries, meta, start, checkLayout(entries, size-start)
}

func parseHeader(text []byte) (entries []entry, meta map[string]string, err error) {
	if len(text) == 0 || text[0] != '{' {
		return nil, nil, errors.New("does not start with {")
	}
	s, err := newScanner(text)
	if err != nil {
		return nil, nil, err
	}
	meta = map[string]string{}
	err = s.object(func(name string) error {
		if name == "__metadata__" {
			return s.object(func(key string) (err error) {
				meta[key], err = s.text()
				return err
			})
		}
		e, err := s.entry()
		if err != nil {
			return fmt.Errorf("tensor %.100q: %w", name, err)
		}
		e.name = name
		entries = append(entries, e)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	return entries, meta, s.end()
}

// entry reads {"dtype": …, "shape": […], "data_offsets": [begin, end]}.
func (s scanner) entry() (e entry, err error) {
	var offsets []int64
	err = s.object(func(key string) (err error) {
		switch key {
		case "dtype":
			var text string
			text, err = s.text()
			e.dtype = DType(text)
		case "shape":
			e.shape, err = s.ints(maxRank)
		case "data_offsets":
			offsets, err = s.ints(2)
		default:
			err = s.skip() // as the reference reader
		}
		return err
	})
	switch {
	case err != nil:
		return e, err
	case e.dtype == "" || e.shape == nil || len(offsets) != 2:
		return e, errors.New("want dtype, shape and two data_offsets")
	}
	e.begin, e.end = offsets[0], offsets[1]
	return e, nil
}

// checkLayout sorts entries by place and holds them to size bytes of data.
func checkLayout(entries []entry, size int64) error {
	slices.SortFunc(entries, func(a, b entry) int {
		if a.begin != b.begin {
			return cmp.Compare(a.begin, b.begin)
		}
		return cmp.Compare(a.end, b.end)
	})
	at := int64(0)
	for _, e := range entries {
		want, err := byteSize(e.dtype, e.shape)
		switch {
		case err != nil:
			return fmt.Errorf("tensor %.100q: %w", e.name, err)
		case e.begin != at:
			return fmt.Errorf("tensor %.100q: want data to start at byte %d, where the one before ends, got %d", e.name, at, e.begin)
		case e.end < e.begin || e.end-e.begin != want:
			return fmt.Errorf("tensor %.100q: %s%v needs %d bytes, got data_offsets [%d, %d]", e.name, e.dtype, e.shape, want, e.begin, e.end)
		case e.end > size:
			return fmt.Errorf("tensor %.100q: truncated: data ends at byte %d, file holds %d", e.name, e.end, size)
		}
		at = e.end
	}
	if at != size {
		return fmt.Errorf("want %d bytes of data, got %d: the rest belongs to no tensor", at, size)
	}
	return nil
}
