package flow

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"slices"

	"radpo/internal/progress"
)

// Verify hashes every file of every artifact and returns an error for each that
// is not as recorded; a file that no record names counts too. Artifacts whose
// folder was deleted are none.
func (s *Store) Verify(ctx context.Context) (bad []error) {
	oldest := func(a, b record) int { return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.Name, b.Name)) }
	records := slices.SortedFunc(maps.Values(s.made), oldest)
	records = slices.DeleteFunc(records, func(r record) bool {
		_, err := os.Stat(s.folder(r.Name, r.Fingerprint))
		return os.IsNotExist(err)
	})
	bar := progress.Start(ctx, int64(len(records)), "artifacts verified")
	defer bar.Done()
	for _, r := range records {
		for _, err := range checkSums(ctx, s.folder(r.Name, r.Fingerprint), r.Files) {
			bad = append(bad, fmt.Errorf("stage %s: %w", r.Name, err))
		}
		if ctx.Err() != nil {
			return []error{fmt.Errorf("verify: %w", ErrInterrupted)}
		}
		bar.Add(1)
	}
	for _, err := range []error{s.manifest.whole(), s.sources.whole()} {
		if err != nil {
			bad = append(bad, err)
		}
	}
	return bad
}
