package table_test

import (
	"errors"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"radpo/internal/table"
)

// TestAhead yields rows and errors in order, and leaves no goroutine behind when
// the walk stops early.
func TestAhead(t *testing.T) {
	broken := errors.New("broken")
	numbers := func(yield func(int, error) bool) {
		for i := range 1000 {
			var err error
			if i%100 == 7 {
				err = broken
			}
			if !yield(i, err) {
				return
			}
		}
	}
	for _, stop := range []int{0, 63, 64, 500, 1000} {
		before := runtime.NumGoroutine()
		var got []int
		for i, err := range table.Ahead(numbers) {
			if len(got) == stop {
				break
			}
			if (err != nil) != (i%100 == 7) {
				t.Errorf("row %d: error %v", i, err)
			}
			got = append(got, i)
		}
		if len(got) != stop || !slices.IsSorted(got) {
			t.Errorf("stopped at %d: got %d rows", stop, len(got))
		}
		if n := runtime.NumGoroutine(); n > before {
			t.Errorf("stopped at %d: %d goroutines, %d before", stop, n, before)
		}
	}
}

// TestAdopt puts one table's files behind another's, with what was noted last.
func TestAdopt(t *testing.T) {
	dir := t.TempDir()
	rows := draw[table.Pair](3000)
	var writers [2]*table.Writer[table.Pair]
	for i, part := range [][]table.Pair{rows[:1700], rows[1700:]} {
		w, err := table.Create[table.Pair](filepath.Join(dir, string(rune('a'+i))), map[string]string{"k": "v"})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write(part...); err != nil {
			t.Fatal(err)
		}
		writers[i] = w
	}
	w := writers[0]
	w.Note("counts", "3000")
	if err := errors.Join(w.Adopt(writers[1]), w.Close()); err != nil {
		t.Fatal(err)
	}
	got, err := table.ReadAll[table.Pair](filepath.Join(dir, "a"))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(got, rows, cmpopts.EquateEmpty(), cmpopts.EquateNaNs()); d != "" {
		t.Errorf("(-got +want):\n%s", d)
	}
	opened, err := table.Open[table.Pair](filepath.Join(dir, "a"))
	if err != nil || opened.Len() != 3000 || opened.Meta()["counts"] != "3000" || opened.Meta()["k"] != "v" {
		t.Errorf("%d rows, metadata %v, error %v", opened.Len(), opened.Meta(), err)
	}
}
