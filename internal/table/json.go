package table

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"slices"
	"strconv"
	"unicode/utf8"
)

const bom = "\xef\xbb\xbf"

// jsonLines reads one JSON object a line. Blank lines are passed over; a byte
// order mark and carriage returns do no harm.
func jsonLines(path string, want columns) iter.Seq2[foreignRow, error] {
	return func(yield func(foreignRow, error) bool) {
		f, err := os.Open(path)
		if err != nil {
			yield(foreignRow{}, err)
			return
		}
		defer f.Close()
		r := bufio.NewReaderSize(f, 1<<16)
		for n := 1; ; n++ {
			line, err := readLine(r)
			if err == io.EOF {
				return
			}
			row := foreignRow{at: fmt.Sprintf(":%d", n)}
			if err != nil {
				yield(row, broken(path, row.at, err))
				return
			}
			if n == 1 {
				line = bytes.TrimPrefix(line, []byte(bom))
			}
			if line = bytes.TrimSpace(line); len(line) == 0 {
				continue
			}
			row.text = line
			if row.cols, err = parseRow(line, want); err != nil {
				err = row.fault(path, err)
			}
			if !yield(row, err) {
				return
			}
		}
	}
}

// namesIn are the members of the first sound row that a JSON reader yields.
func namesIn(read func(path string, want columns) iter.Seq2[foreignRow, error]) func(path string) ([]string, error) {
	return func(path string) ([]string, error) {
		var first error
		for row, err := range read(path, columns{every: true}) {
			if err == nil {
				return slices.Sorted(maps.Keys(row.cols)), nil
			}
			if first == nil {
				first = err
			}
		}
		if first == nil {
			first = fmt.Errorf("%s: no rows", path)
		}
		return nil, first
	}
}

// readLine reads a line of at most maxRowBytes.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) > maxRowBytes {
			return nil, errTooBig
		}
		line = append(line, part...)
		switch {
		case err == nil, err == io.EOF && len(line) > 0:
			return line, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

// jsonArray reads one array of objects.
func jsonArray(path string, want columns) iter.Seq2[foreignRow, error] {
	return func(yield func(foreignRow, error) bool) {
		f, err := os.Open(path)
		if err != nil {
			yield(foreignRow{}, err)
			return
		}
		defer f.Close()
		src := &meter{r: bufio.NewReaderSize(f, 1<<16), left: maxRowBytes}
		if b, _ := src.r.Peek(len(bom)); string(b) == bom {
			src.r.Discard(len(bom))
		}
		dec := json.NewDecoder(src)
		if _, err := dec.Token(); err != nil { // the opening bracket
			yield(foreignRow{}, broken(path, "", explain(err, nil)))
			return
		}
		for n := 1; dec.More(); n++ {
			row := foreignRow{at: fmt.Sprintf(": row %d", n)}
			var raw json.RawMessage
			if err := dec.Decode(&raw); err != nil {
				yield(row, broken(path, row.at, explain(err, nil)))
				return
			}
			src.left = maxRowBytes
			row.text = raw
			if row.cols, err = parseRow(raw, want); err != nil {
				err = row.fault(path, err)
			}
			if !yield(row, err) {
				return
			}
		}
		if _, err := dec.Token(); err != nil {
			yield(foreignRow{}, broken(path, "", fmt.Errorf("the array does not end: %w", explain(err, nil))))
		} else if _, err := dec.Token(); err != io.EOF {
			yield(foreignRow{}, broken(path, "", errors.New("there is more after the array")))
		}
	}
}

// A meter reads at most left bytes.
type meter struct {
	r    *bufio.Reader
	left int
}

func (m *meter) Read(p []byte) (int, error) {
	if m.left <= 0 {
		return 0, errTooBig
	}
	n, err := m.r.Read(p[:min(len(p), m.left)])
	m.left -= n
	return n, err
}

// parseRow decodes the wanted members of a JSON object.
func parseRow(b []byte, want columns) (map[string]any, error) {
	if err := checkJSON(b); err != nil {
		return nil, err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(b, &members); err != nil {
		return nil, explain(err, b)
	}
	if members == nil {
		return nil, errors.New("null, want an object")
	}
	names := want.all()
	if want.every {
		names = slices.Collect(maps.Keys(members))
	}
	cols := map[string]any{}
	for _, name := range names {
		raw, ok := members[name]
		if !ok {
			continue
		}
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.UseNumber()
		var v any
		if err := dec.Decode(&v); err != nil {
			return nil, fmt.Errorf("%s: %w", name, explain(err, raw))
		}
		cols[name] = v
	}
	return cols, nil
}

// checkJSON checks what encoding/json lets pass or mends in silence: text that
// is not UTF-8, halves of surrogate pairs, depth, and the number of values.
func checkJSON(b []byte) error {
	if !utf8.Valid(b) {
		return errNotUTF8
	}
	depth, values, quoted := 0, 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			quoted = !quoted
		case quoted && c == '\\':
			n, err := checkEscape(b[i:])
			if err != nil {
				return err
			}
			i += n
		case quoted:
		case c == '[' || c == '{':
			depth++
			values++
		case c == ']' || c == '}':
			depth--
		case c == ',':
			values++
		}
		if depth > maxDepth {
			return fmt.Errorf("nested deeper than %d", maxDepth)
		}
		if values > maxRowValues {
			return errTooBig
		}
	}
	return nil
}

// checkEscape checks the escape at the start of b and returns how many bytes
// follow its backslash. Escapes that are no JSON at all are left to the parser.
func checkEscape(b []byte) (int, error) {
	unit := func(b []byte) (rune, bool) {
		if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
			return 0, false
		}
		n, err := strconv.ParseUint(string(b[2:6]), 16, 16)
		return rune(n), err == nil
	}
	r, ok := unit(b)
	switch {
	case !ok || r < 0xD800 || r > 0xDFFF:
		return 1, nil
	case r < 0xDC00:
		if low, ok := unit(b[6:]); ok && low >= 0xDC00 && low <= 0xDFFF {
			return 11, nil
		}
	}
	return 0, fmt.Errorf("%s is half of a surrogate pair", b[:6])
}

// explain puts the common faults of JSON files in plain words. b is what was
// parsed, or nil.
func explain(err error, b []byte) error {
	var syntax *json.SyntaxError
	var typ *json.UnmarshalTypeError
	switch {
	case errors.As(err, &typ):
		return fmt.Errorf("%s, want an object", typ.Value)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return errors.New("the JSON breaks off")
	case errors.As(err, &syntax) && b != nil:
		at := max(int(syntax.Offset)-1, 0)
		if bytes.HasPrefix(b[at:], []byte("NaN")) || bytes.HasPrefix(b[at:], []byte("Infinity")) {
			return errors.New("NaN and Infinity are not JSON: write null or leave the member out")
		}
		if at >= len(b)-1 && b[len(b)-1] != '}' {
			return fmt.Errorf("the JSON breaks off: %w (want one object a line)", err)
		}
		return fmt.Errorf("%w (byte %d of the row)", err, at+1)
	}
	return err
}
