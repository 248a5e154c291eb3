package table

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
)

// A Difficulty is that of one instruction, as AlpacaEval fitted it.
type Difficulty struct {
	Hash  string // first twelve hex digits of the instruction's SHA-256; empty: the file has none
	Value float64
}

// A Gamed row is a judgement of the baseline told to be verbose or concise, to
// which AlpacaEval's length control is regularised.
type Gamed struct {
	Variant    string
	Index      int     // of the instruction
	Delta      float64 // length of the baseline's output less this one's, in units that its variant shares
	Preference float64 // probability that this one is better
}

// ReadDifficulties reads a CSV file with a column instruction_difficulty, in the
// order of the instructions, and maybe instruction_sha256_12.
func ReadDifficulties(path string) ([]Difficulty, error) {
	var out []Difficulty
	for row, err := range csvRows(path, "instruction_difficulty") {
		if err != nil {
			return nil, err
		}
		d := Difficulty{Hash: row.text("instruction_sha256_12")}
		if d.Value, err = row.number("instruction_difficulty"); err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s: no rows", path)
	}
	return out, nil
}

// ReadGamed reads a CSV file of gamed judgements: variant, index, len_1, len_2
// and preference_surrogate, or AlpacaEval's own model, index, std_delta_len and
// preference.
func ReadGamed(path string) ([]Gamed, error) {
	var out []Gamed
	for row, err := range csvRows(path, "index") {
		if err != nil {
			return nil, err
		}
		g, err := gamedOf(row)
		if err != nil {
			return nil, err
		}
		out = append(out, g)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s: no rows", path)
	}
	return out, nil
}

func gamedOf(row csvRow) (Gamed, error) {
	index, err := row.number("index")
	if err == nil && (index != math.Trunc(index) || index < 0 || index > maxCSVBytes) {
		err = row.fault("index", "a whole number from 0")
	}
	if err != nil {
		return Gamed{}, err
	}
	g := Gamed{Index: int(index)}
	preference := "preference"
	if row.has("std_delta_len") {
		g.Variant = row.text("model")
		g.Delta, err = row.number("std_delta_len")
	} else {
		g.Variant, preference = row.text("variant"), "preference_surrogate"
		var one, two float64
		one, err = row.number("len_1")
		if err == nil {
			two, err = row.number("len_2")
		}
		g.Delta = one - two
	}
	if err != nil {
		return Gamed{}, err
	}
	g.Preference, err = row.number(preference)
	if err == nil && (g.Preference < 0 || g.Preference > 1) {
		err = row.fault(preference, "a probability")
	}
	return g, err
}

// maxCSVBytes bounds a CSV file; the published ones have under 100 KB.
const maxCSVBytes = 64 << 20

// A csvRow is a line of a CSV file with a header.
type csvRow struct {
	at     string // file:line
	names  []string
	values []string
}

// csvRows yields the rows below a header that has column need. An error ends
// the sequence.
func csvRows(path, need string) iter.Seq2[csvRow, error] {
	return func(yield func(csvRow, error) bool) {
		text, err := readBounded(path)
		if err != nil {
			yield(csvRow{}, err)
			return
		}
		r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte(bom))))
		names, err := r.Read()
		if err != nil || !slices.Contains(names, need) {
			yield(csvRow{}, fmt.Errorf("%s:1: want a header with a column %s", path, need))
			return
		}
		names = slices.Clone(names)
		for {
			values, err := r.Read()
			if err == io.EOF {
				return
			}
			if parse := (*csv.ParseError)(nil); errors.As(err, &parse) {
				err = fmt.Errorf("%s:%d: %w", path, parse.Line, parse.Err)
			}
			row := csvRow{names: names, values: values}
			if err == nil {
				line, _ := r.FieldPos(0)
				row.at = fmt.Sprintf("%s:%d", path, line)
			}
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}

func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxCSVBytes+1))
	if err == nil && len(text) > maxCSVBytes {
		err = fmt.Errorf("%s: the file is larger than %d bytes", path, maxCSVBytes)
	}
	return text, err
}

func (r csvRow) has(name string) bool { return slices.Contains(r.names, name) }

func (r csvRow) text(name string) string {
	if i := slices.Index(r.names, name); i >= 0 {
		return r.values[i]
	}
	return ""
}

// number is a finite one.
func (r csvRow) number(name string) (float64, error) {
	v, err := strconv.ParseFloat(strings.TrimSpace(r.text(name)), 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, r.fault(name, "a number")
	}
	return v, nil
}

func (r csvRow) fault(name, want string) error {
	return fmt.Errorf("%s: %s: got %.40q, want %s", r.at, name, r.text(name), want)
}
