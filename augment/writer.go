package augment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"

	"github.com/rs/zerolog"

	"radpo/internal/table"
)

// A writer writes rows of pairs as they come.
type writer struct {
	*table.Writer[table.Pair]
	later string                    // folder of rows that stand behind all others
	rest  *table.Writer[table.Pair] // nil: none do
}

// newWriter starts a pairs table in dir, with metadata and what the numbers of
// its goals are of. In the released code's order all rows at the better one's
// score stand before all others.
func (c Config) newWriter(dir string, meta map[string]string) (*writer, error) {
	meta = maps.Clone(meta)
	if len(c.Wording.Names) > 0 {
		names, err := json.Marshal(c.Wording.Names)
		if err != nil {
			return nil, err
		}
		if meta == nil {
			meta = map[string]string{}
		}
		meta[table.GoalNames] = string(names)
	}
	w := &writer{later: filepath.Join(dir, ".later")}
	var err error
	if w.Writer, err = table.Create[table.Pair](dir, meta); err == nil && c.Released() {
		w.rest, err = table.Create[table.Pair](w.later, meta)
	}
	return w, err
}

func (w *writer) add(p table.Pair) error {
	if w.rest != nil && p.Kind == table.KindGoalRejected {
		return w.rest.Write(p)
	}
	return w.Write(p)
}

// finish ends the table with what was counted, unless making its rows failed.
func (w *writer) finish(ctx context.Context, counts Counts, failed error) error {
	if w.rest != nil {
		failed = errors.Join(failed, w.Adopt(w.rest), os.RemoveAll(w.later))
	}
	text, err := json.Marshal(counts)
	if failed = errors.Join(failed, err); failed == nil && counts.Rows == 0 {
		failed = fmt.Errorf("no pair to train on: %v", counts)
	}
	if failed != nil {
		return errors.Join(failed, w.Close())
	}
	zerolog.Ctx(ctx).Info().Msg(counts.String())
	w.Note(countsKey, string(text))
	return w.Close()
}
