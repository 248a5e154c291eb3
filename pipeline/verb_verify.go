package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"radpo/internal/flow"
)

// ErrDamaged is what Verify returns when files are not as recorded.
var ErrDamaged = errors.New("the run folder is damaged: delete the artifacts' folders named above and run again to have them made anew; radpo report writes the report anew")

// Verify hashes every file of a run folder's artifacts, its configuration and
// its report, and names to w each that is not as recorded, in the order in
// which they were made.
func Verify(ctx context.Context, dir string, w io.Writer) error {
	if _, err := os.Stat(filepath.Join(dir, "artifacts")); err != nil {
		return inputError("%s is no run folder: %w", dir, err)
	}
	store, err := flow.Open(dir)
	if err != nil {
		return err
	}
	defer store.Close()
	bad := store.Verify(ctx)
	if len(bad) > 0 && errors.Is(bad[0], flow.ErrInterrupted) {
		return bad[0]
	}
	if bad = append(bad, checkSums(store.Dir())...); len(bad) == 0 {
		return nil
	}
	for _, err := range bad {
		if _, err := fmt.Fprintln(w, err); err != nil {
			return err
		}
	}
	return ErrDamaged
}
