package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rs/zerolog"

	"radpo/internal/table"
)

// A Converted is a file that others made and what is made of it.
type Converted struct {
	In, Out string // Out: a .jsonl or .parquet file, or a datasets folder
	SkipBad bool   // bad rows are put aside
}

// Import brings scored responses from the layout they are published in to one
// of ours, and prints what it found.
func (c Converted) Import(ctx context.Context, w io.Writer) error {
	f, err := table.OpenScored(c.In)
	if err != nil {
		return &InputError{err}
	}
	defer f.Close()
	var found struct {
		Layout    string `json:"layout"`
		Rows      int    `json:"rows"`
		Responses int    `json:"responses"`
		Unscored  int    `json:"unscored"` // responses
		Bad       int    `json:"bad"`      // rows left out
	}
	found.Layout = f.Layout
	bad, err := convert(ctx, c, f.Rows(), func(rows iter.Seq2[table.Scored, error]) error {
		return table.WriteRows(c.Out, nil, func(yield func(table.Scored, error) bool) {
			for s, err := range rows {
				found.Rows++
				found.Responses += len(s.Responses)
				for _, score := range s.Scores {
					if math.IsNaN(score) {
						found.Unscored++
					}
				}
				if !yield(s, err) {
					return
				}
			}
		})
	})
	if found.Bad = bad; err != nil {
		return err
	}
	return json.NewEncoder(w).Encode(found)
}

// Trainers are whom Export writes for.
func Trainers() []string { return slices.Sorted(maps.Keys(table.Exports)) }

// Export writes pairs of text for another trainer.
func (c Converted) Export(ctx context.Context, as string) error {
	e, ok := table.Exports[as]
	if !ok {
		return inputError("--as %s: want one of %s", as, strings.Join(Trainers(), ", "))
	}
	forFactory := strings.HasPrefix(as, "llamafactory")
	if ext := filepath.Ext(c.Out); forFactory && ext != ".jsonl" && ext != ".parquet" {
		return inputError("%s: LLaMA-Factory reads files, not folders that datasets saved: want a name that ends in .jsonl or .parquet", c.Out)
	}
	_, err := convert(ctx, c, table.ReadPairs(c.In), func(rows iter.Seq2[table.Pair, error]) error { return e.Write(c.Out, rows) })
	if err == nil && forFactory {
		err = addToFactory(c.Out, as)
	}
	if err != nil {
		return err
	}
	zerolog.Ctx(ctx).Info().Msg(e.Note)
	return nil
}

// convert writes sound rows, and returns how many were not.
func convert[R any](ctx context.Context, c Converted, rows iter.Seq2[R, error], write func(iter.Seq2[R, error]) error) (int, error) {
	bad := &aside{path: filepath.Clean(c.Out) + badSuffix}
	from := rows
	if c.SkipBad {
		from = sound(rows, bad)
	}
	err := write(func(yield func(R, error) bool) {
		for r, err := range from {
			if !yield(r, errors.Join(err, ctx.Err())) {
				return
			}
		}
	})
	if of := (*table.RowError)(nil); errors.As(err, &of) {
		err = &InputError{errors.Join(badRows(c.In, rows), errSkip)}
	}
	if err = errors.Join(err, bad.Close()); err == nil && bad.n > 0 {
		zerolog.Ctx(ctx).Warn().Msgf("%d bad rows are left out; %s has them and why", bad.n, bad.path)
	}
	return bad.n, err
}

// errSkip is the way out of bad rows.
var errSkip = errors.New("--skip-bad leaves bad rows out and keeps them aside")

// addToFactory names the file in the dataset_info.json beside it, where
// LLaMA-Factory looks its data up, and leaves other entries as they are.
func addToFactory(path, as string) error {
	list := filepath.Join(filepath.Dir(path), "dataset_info.json")
	all := map[string]any{}
	text, err := os.ReadFile(list)
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return inputError("%s: %w", list, err)
	}
	columns := []string{"messages", "conversations", "chosen", "chosen", "rejected", "rejected"}
	entry := map[string]any{"file_name": filepath.Base(path), "ranking": true, "formatting": "sharegpt"}
	if as == "llamafactory-alpaca" {
		entry["formatting"] = "alpaca"
		columns = []string{"prompt", "instruction", "query", "input", "chosen", "chosen", "rejected", "rejected", "system", "system", "history", "history"}
	}
	named := map[string]string{}
	for pair := range slices.Chunk(columns, 2) {
		named[pair[0]] = pair[1]
	}
	entry["columns"] = named
	all[strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))] = entry
	return replace(list, func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(all)
	})
}
