package pipeline

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"unicode/utf8"

	"radpo/internal/table"
)

// Lines are JSON objects, one a line. Name stands in messages.
type Lines struct {
	Name string
	io.Reader
}

// maxLine bounds a line, in bytes.
const maxLine = 64 << 20

// A line is a parsed row and where it stood.
type line[R any] struct {
	row R
	at  string // file:line
}

// fault is an error of the row, named by its place.
func (l line[R]) fault(err error) error { return inputError("%s: %w", l.at, err) }

// readLines parses and checks every row before any work: one bad row must not
// leave half an output. Blank lines are passed over, unknown members left alone.
func readLines[R any](in Lines, check func(R) error) ([]line[R], error) {
	scan := bufio.NewScanner(in)
	scan.Buffer(make([]byte, 1<<16), maxLine)
	var out []line[R]
	n := 1
	for ; scan.Scan(); n++ {
		text := bytes.TrimSpace(scan.Bytes())
		if n == 1 {
			text = bytes.TrimPrefix(text, []byte("\ufeff"))
		}
		if len(text) == 0 {
			continue
		}
		l := line[R]{at: fmt.Sprintf("%s:%d", in.Name, n)}
		err := parseLine(text, &l.row)
		if err == nil {
			err = check(l.row)
		}
		if err != nil {
			return nil, l.fault(err)
		}
		out = append(out, l)
	}
	if err := scan.Err(); errors.Is(err, bufio.ErrTooLong) {
		return nil, inputError("%s:%d: the line is longer than %d bytes", in.Name, n, maxLine)
	} else if err != nil {
		return nil, fmt.Errorf("read %s: %w", in.Name, bare(err))
	}
	return out, nil
}

// bare is an error without the file's name, which lines say themselves.
func bare(err error) error {
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		return p.Err
	}
	return err
}

// parseLine reads one object. encoding/json would mend broken UTF-8 in silence.
func parseLine(text []byte, row any) error {
	switch {
	case bytes.HasPrefix(text, []byte("\x1f\x8b")), bytes.HasPrefix(text, []byte("\x28\xb5\x2f\xfd")):
		return errors.New("the file is compressed: unpack it first")
	case !utf8.Valid(text):
		return errors.New("the text is not UTF-8")
	}
	err := json.Unmarshal(text, row)
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &kind) && kind.Field == "":
		return fmt.Errorf("want a JSON object, got %s", kind.Value)
	case errors.As(err, &kind):
		return fmt.Errorf("%s: got %s, want %s", kind.Field, kind.Value, wanted(kind.Type.String()))
	case err != nil:
		return fmt.Errorf("no JSON object: %w", err)
	}
	return nil
}

// wanted names a Go type in the words of JSON.
func wanted(goType string) string {
	switch goType {
	case "int32":
		return "token ids (whole numbers)"
	case "[]int32":
		return "a list of token ids"
	case "[]string":
		return "a list of texts"
	case "[]pipeline.turn":
		return "a list of {role, content}"
	case "pipeline.turn":
		return "{role, content}"
	case "bool":
		return "true or false"
	case "float64":
		return "a number"
	case "int":
		return "a whole number"
	}
	if strings.HasPrefix(goType, "[]") {
		return "a list"
	}
	return "a text"
}

// windowed calls fn with the rows, a window at a time in order, so that results
// come out as the work goes on.
func windowed[R any](rows []line[R], size int, fn func([]line[R]) error) error {
	for len(rows) > 0 {
		n := min(size, len(rows))
		if err := fn(rows[:n]); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// window is how many rows are batched by length together.
const window = 256

// A lineWriter writes JSON objects, one a line.
type lineWriter struct {
	w   *bufio.Writer
	enc *json.Encoder
}

func newLineWriter(w io.Writer) *lineWriter {
	b := bufio.NewWriter(w)
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	return &lineWriter{b, enc}
}

func (w *lineWriter) write(v any) error { return wrapWrite(w.enc.Encode(v)) }

func (w *lineWriter) flush() error { return wrapWrite(w.w.Flush()) }

func wrapWrite(err error) error {
	if err != nil {
		return fmt.Errorf("write the output: %w", err)
	}
	return nil
}

// A turn is a message of a row.
type turn struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

func messages(turns []turn) []table.Message {
	out := make([]table.Message, len(turns))
	for i, t := range turns {
		out[i] = table.Message(t)
	}
	return out
}

// checkTurns holds a conversation to what templates take.
func checkTurns(turns []turn) error {
	for i, t := range turns {
		switch t.Role {
		case "system", "user", "assistant", "tool":
		case "":
			return fmt.Errorf("message %d has no role", i+1)
		default:
			return fmt.Errorf("message %d: role %q is none of system, user, assistant, tool", i+1, t.Role)
		}
	}
	return nil
}

// checkIDs holds ids to a vocabulary.
func checkIDs(name string, ids []int32, vocabulary int) error {
	for i, id := range ids {
		if id < 0 || int(id) >= vocabulary {
			return fmt.Errorf("%s: element %d: the model has no token %d; its vocabulary is %d", name, i, id, vocabulary)
		}
	}
	return nil
}
