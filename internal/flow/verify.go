package flow

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
)

// Verify hashes every file of every artifact and returns an error for each that
// is not as recorded. Artifacts whose folder was deleted are none.
func (s *Store) Verify(ctx context.Context) (bad []error) {
	oldest := func(a, b record) int { return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.Name, b.Name)) }
	for _, r := range slices.SortedFunc(maps.Values(s.made), oldest) {
		dir := s.folder(r.Name, r.Fingerprint)
		if _, err := os.Stat(dir); os.IsNotExist(err) {
			continue
		}
		for _, err := range checkSums(ctx, dir, r.Files) {
			bad = append(bad, fmt.Errorf("artifact of stage %s: %w", r.Name, err))
		}
		if ctx.Err() != nil {
			return append(bad, ErrInterrupted)
		}
	}
	return bad
}
