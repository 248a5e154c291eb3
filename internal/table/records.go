package table

import (
	"fmt"
	"iter"
	"math"
)

// A Record is a row of a file that others wrote, with columns that the reader
// named. Errors of its methods name the column.
type Record struct {
	At   string // file:line, or file and row
	cols map[string]any
}

// ReadRecords yields the rows of a file in any of the formats of [ReadPrompts],
// of which the first of names is a column, and keeps the columns of names.
// Errors are as those of [PromptReader.Rows].
func ReadRecords(path string, names ...string) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for row, err := range readForeign(path, columns{need: names[:1], also: names[1:]}) {
			if !yield(Record{path + row.at, row.cols}, err) {
				return
			}
		}
	}
}

// RecordOf is a record of texts.
func RecordOf(at string, texts map[string]string) Record {
	r := Record{at, map[string]any{}}
	for name, text := range texts {
		r.cols[name] = text
	}
	return r
}

// Has says whether the column is there and not null.
func (r Record) Has(name string) bool { return r.cols[name] != nil }

// Text is a column of text.
func (r Record) Text(name string) (string, error) {
	text, ok := r.cols[name].(string)
	if !ok {
		return "", fmt.Errorf("%s: got %s, want text", name, kindOf(r.cols[name]))
	}
	return text, nil
}

// Texts is a column of lists of text.
func (r Record) Texts(name string) ([]string, error) {
	list, ok := r.cols[name].([]any)
	if !ok {
		return nil, fmt.Errorf("%s: got %s, want a list of texts", name, kindOf(r.cols[name]))
	}
	out := make([]string, len(list))
	for i, v := range list {
		if out[i], ok = v.(string); !ok {
			return nil, fmt.Errorf("%s: element %d: got %s, want text", name, i+1, kindOf(v))
		}
	}
	return out, nil
}

// Int is a column of whole numbers.
func (r Record) Int(name string) (int, error) { return wholeOf(name, r.cols[name]) }

// Ints is a column of lists of whole numbers.
func (r Record) Ints(name string) ([]int, error) {
	list, ok := r.cols[name].([]any)
	if !ok {
		return nil, fmt.Errorf("%s: got %s, want a list of whole numbers", name, kindOf(r.cols[name]))
	}
	out := make([]int, len(list))
	for i, v := range list {
		var err error
		if out[i], err = wholeOf(fmt.Sprintf("%s: element %d", name, i+1), v); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func wholeOf(name string, v any) (int, error) {
	f, err := numberOf(v)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	if f != math.Trunc(f) || math.Abs(f) > math.MaxInt32 {
		return 0, fmt.Errorf("%s: got %v, want a whole number", name, f)
	}
	return int(f), nil
}

// Record is a column of objects.
func (r Record) Record(name string) (Record, error) {
	cols, ok := r.cols[name].(map[string]any)
	if !ok {
		return Record{}, fmt.Errorf("%s: got %s, want an object", name, kindOf(r.cols[name]))
	}
	return Record{r.At, cols}, nil
}
