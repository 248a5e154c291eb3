package table_test

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"radpo/internal/table"
)

// scoredFiles are nested files that the datasets library wrote of published
// rows; -update with RADPO_PYTHON set writes them anew.
func scoredFiles(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "scored", "*"))
	if err != nil || len(files) < 4 {
		t.Fatalf("got %d files in testdata/scored, error %v", len(files), err)
	}
	return files
}

// scoredScript writes rows of argv[2:] as Parquet and as an Arrow stream into
// the folder argv[1].
const scoredScript = `
import json, os, sys
import pyarrow as pa, pyarrow.parquet as pq
os.chdir(sys.argv[1])
for i, row in enumerate(sys.argv[2:]):
    t = pa.Table.from_pylist([json.loads(row)] * 20)
    pq.write_table(t, "%d.parquet" % i, row_group_size=7)
    with pa.ipc.new_stream("%d.arrow" % i, t.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as w:
        w.write_table(t, max_chunksize=7)
`

// TestScoredMutants reads damaged nested files: no panic, no more memory than a
// sound file could take, and no row that is not whole.
func TestScoredMutants(t *testing.T) {
	if *update && os.Getenv("RADPO_PYTHON") != "" {
		python(t, scoredScript, filepath.Join("testdata", "scored"), published[0].row, published[1].row)
	}
	for _, path := range scoredFiles(t) {
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if rows, errs := scored(path); len(rows) != 20 || len(errs) > 0 {
			t.Errorf("%s: %d rows, errors %q", path, len(rows), errs)
		}
		scoredMutants(t, path, whole)
	}
}

// scoredMutants reads damaged copies of a file of that name.
func scoredMutants(t *testing.T, name string, whole []byte) {
	t.Helper()
	table.ReadHere(t)
	r := rand.New(rand.NewPCG(11, 12))
	data := filepath.Join(t.TempDir(), "data")
	for i := range 400 {
		if err := os.WriteFile(data, mutate(r, whole), 0o666); err != nil {
			t.Fatal(err)
		}
		before := allocated()
		rows, _ := scored(data)
		if got := allocated() - before; got > 200<<20 {
			t.Errorf("mutant %d of %s: %d MB allocated", i, name, got>>20)
		}
		for _, s := range rows {
			if len(s.Responses) == 0 || len(s.Responses) != len(s.Scores) {
				t.Errorf("mutant %d of %s: row %+v", i, name, s)
			}
		}
	}
}

// TestHostile refuses files that claim or nest more than there is.
func TestHostile(t *testing.T) {
	parquet, err := os.ReadFile(filepath.Join("testdata", "scored", "0.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	footer := append([]byte(nil), parquet...)
	binary.LittleEndian.PutUint32(footer[len(footer)-8:], 0xFFFFFFF0)
	claims := func(meta, body uint32) string {
		b := binary.LittleEndian.AppendUint32(nil, 0xFFFFFFFF)
		return string(binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(b, meta), body))
	}
	for name, tt := range map[string]struct{ text, want string }{
		"a footer of 4 GB":   {string(footer), "the footer claims 4294967280 bytes"},
		"a footer cut off":   {string(parquet[:len(parquet)-1]), "no Parquet footer at the end"},
		"metadata of 2 GB":   {claims(0x7FFFFFFF, 0), "claims 2147483647 bytes of metadata"},
		"metadata below 0":   {claims(0x80000000, 0), "claims -2147483648 bytes of metadata"},
		"lists in lists":     {`{"instruction":"q","completions":` + strings.Repeat("[", 1_000_000), "nested deeper than 64"},
		"objects in objects": {`{"instruction":"q","completions":` + strings.Repeat(`{"a":`, 100_000), "nested deeper than 64"},
		"a million values":   {`{"prompt":"q","responses":[` + strings.Repeat("0,", 2_000_000), "the row is larger than"},
		"a line of 65 MB":    {`{"prompt":"` + strings.Repeat("x", 65<<20), "the row is larger than"},
	} {
		before := allocated()
		_, errs := scored(save(t, "hostile", tt.text))
		if len(errs) == 0 || !strings.Contains(errs[len(errs)-1], tt.want) {
			t.Errorf("%s: got errors %.200q, want %q", name, errs, tt.want)
		}
		if got := allocated() - before; got > 700<<20 {
			t.Errorf("%s: %d MB allocated", name, got>>20)
		}
	}
}
