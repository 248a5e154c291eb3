package table_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"radpo/internal/table"
)

// foreignScript writes the same prompts in every form that pyarrow and
// datasets have into the folder argv[1].
const foreignScript = `
import json, os, shutil, sys
import pyarrow as pa, pyarrow.parquet as pq, pyarrow.feather as feather
from datasets import Dataset, DatasetDict
os.chdir(sys.argv[1])
rows = []
for i in range(40):
    turns = [{"role": "user", "content": "question %d, é😀" % i}, {"role": "assistant", "content": "answer " * (i % 5)}]
    if i % 3 == 0:
        turns.insert(0, {"role": "system", "content": "be brief"})
    rows.append({"prompt_id": "id%d" % i, "score": float(i), "messages": turns, "tags": ["a"] * (i % 3) if i % 4 else None, "note": None if i % 2 else "n"})
with open("rows.jsonl", "w") as f:
    f.writelines(json.dumps(r) + "\n" for r in rows)
t = pa.Table.from_pylist(rows)
for codec in "none snappy gzip zstd lz4".split():
    pq.write_table(t, codec + ".parquet", compression=codec, row_group_size=15)
pq.write_table(t, "v2.parquet", data_page_version="2.0", data_page_size=200, use_dictionary=False)
pq.write_table(t, "nodict.parquet", data_page_size=100, use_dictionary=False)
for name, make in ("stream", pa.ipc.new_stream), ("file", pa.ipc.new_file):
    for codec in None, "lz4", "zstd":
        with make("%s-%s.arrow" % (name, codec), t.schema, options=pa.ipc.IpcWriteOptions(compression=codec)) as w:
            w.write_table(t, max_chunksize=15)
big = t.set_column(2, "messages", t["messages"].cast(pa.large_list(pa.struct([("role", pa.large_string()), ("content", pa.string_view())]))))
big = big.set_column(4, "note", big["note"].dictionary_encode())
with pa.ipc.new_stream("big.arrow", big.schema) as w:
    w.write_table(big)
Dataset.from_list(rows).save_to_disk("folder", num_shards=3)
for extra in ("folder/cache",):
    shutil.rmtree(extra, ignore_errors=True)
`

// foreignFiles are the files of foreignScript that ReadPrompts is to read.
func foreignFiles(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "foreign", "*"))
	if err != nil || len(files) < 15 {
		t.Fatalf("got %d files in testdata/foreign, error %v", len(files), err)
	}
	return files
}

// TestForeign reads the same prompts out of every form.
func TestForeign(t *testing.T) {
	if *update && os.Getenv("RADPO_PYTHON") != "" {
		python(t, foreignScript, filepath.Join("testdata", "foreign"))
	}
	want, errs := prompts(table.ReadPrompts(filepath.Join("testdata", "foreign", "rows.jsonl"), table.PromptOptions{}))
	if len(want) != 40 || len(errs) > 0 {
		t.Fatalf("rows.jsonl: got %d prompts, errors %q", len(want), errs)
	}
	for _, path := range foreignFiles(t) {
		got, errs := prompts(table.ReadPrompts(path, table.PromptOptions{}))
		if d := cmp.Diff(got, want, cmpopts.IgnoreFields(table.Prompt{}, "Source")); d != "" || len(errs) > 0 {
			t.Errorf("%s: errors %q (-got +want):\n%s", path, errs, d)
		}
		if len(got) > 1 && !strings.Contains(path, ".json") && got[1].Source != filepath.Base(path)+": row 2" {
			t.Errorf("%s: got source %q", path, got[1].Source)
		}
	}
}

// TestForeignNamed checks the errors of files that are sound but of no use.
func TestForeignNamed(t *testing.T) {
	tests := map[string]struct{ file, column, want string }{
		"no such column, parquet": {"zstd.parquet", "text", "no column named text; there are prompt_id, score, messages, tags, note"},
		"a number":                {"zstd.parquet", "score", "zstd.parquet: row 1: score: got a number"},
		"a number, arrow":         {"stream-None.arrow", "score", "row 1: score: got a number"},
		"null":                    {"stream-None.arrow", "tags", "row 1: there is no tags"},
		"list of texts":           {"nodict.parquet", "tags", "row 2: tags: message 1: got text"},
	}
	for name, tt := range tests {
		_, errs := prompts(table.ReadPrompts(filepath.Join("testdata", "foreign", tt.file), table.PromptOptions{Column: tt.column}))
		if len(errs) == 0 {
			t.Errorf("%s: got no error, want %q", name, tt.want)
		} else if !strings.Contains(strings.Join(errs, "\n"), tt.want) {
			t.Errorf("%s: got error %q, want %q", name, errs[0], tt.want)
		}
	}
}

// TestSpliced puts a record batch behind the schema of more columns than it
// has: Arrow's reader takes the bytes beyond it for lengths and allocates them.
func TestSpliced(t *testing.T) {
	stream := func(rows int, names ...string) []byte {
		var fields []arrow.Field
		for _, n := range names {
			fields = append(fields, arrow.Field{Name: n, Type: arrow.BinaryTypes.String, Nullable: true})
		}
		schema := arrow.NewSchema(fields, nil)
		var b bytes.Buffer
		w := ipc.NewWriter(&b, ipc.WithSchema(schema))
		if rows > 0 {
			rec, _, err := array.RecordFromJSON(memory.DefaultAllocator, schema, strings.NewReader(`[{"prompt":"a"}]`))
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Write(rec); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	const end = 8 // bytes of the end-of-stream mark
	narrow, wide := stream(0, "prompt"), stream(0, "prompt", "b", "c", "d")
	batch := stream(1, "prompt")[len(narrow)-end:]
	path := save(t, "spliced", string(wide[:len(wide)-end])+string(batch))
	_, errs := prompts(table.ReadPrompts(path, table.PromptOptions{}))
	if len(errs) != 1 || !strings.Contains(errs[0], "1 arrays in 3 buffers, want 4 in 12") {
		t.Errorf("got errors %q", errs)
	}
}

// mutate damages b: a quarter of the draws cut it, the others change one to
// four bytes, most of them near an end, where the sizes are, and half of them
// to what offsets and counts look like.
func mutate(r *rand.Rand, b []byte) []byte {
	if r.IntN(4) == 0 {
		return b[:r.IntN(len(b))]
	}
	b = append([]byte(nil), b...)
	for range 1 + r.IntN(4) {
		at := r.IntN(len(b))
		switch r.IntN(4) {
		case 0, 1:
			at = r.IntN(min(2048, len(b)))
		case 2:
			at = len(b) - 1 - r.IntN(min(512, len(b)))
		}
		b[at] = byte(r.Uint32())
		if r.IntN(2) == 0 {
			b[at] = []byte{0, 1, 4, 8, 12, 16, 20, 127, 255}[r.IntN(9)]
		}
	}
	return b
}

// TestMutants reads 3,000 damaged files (TABLE_MUTANTS: so many) of every form
// as prompts, as pairs and as a table: no panic, and no more memory than a sound
// file could take.
func TestMutants(t *testing.T) {
	table.ReadHere(t)
	mutants := 3000
	if n, err := strconv.Atoi(os.Getenv("TABLE_MUTANTS")); err == nil {
		mutants = n
	}
	r := rand.New(rand.NewPCG(3, uint64(mutants)))
	own := t.TempDir()
	write(t, own, nil, draw[table.Pair](64))
	files := []string{filepath.Join(own, "data-00000-of-00001.arrow")}
	for _, path := range foreignFiles(t) {
		if st, err := os.Stat(path); err == nil && !st.IsDir() {
			files = append(files, path)
		}
	}
	var sound [][]byte
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		sound = append(sound, b)
	}
	data := filepath.Join(own, "data-00000-of-00001.arrow")
	for i := range mutants {
		k := i % len(sound)
		if err := os.WriteFile(data, mutate(r, sound[k]), 0o666); err != nil {
			t.Fatal(err)
		}
		before := allocated()
		prompts(table.ReadPrompts(data, table.PromptOptions{}))
		pairs(data)
		scored(data)
		table.ReadAll[table.Pair](own)
		if got := allocated() - before; got > 200<<20 {
			t.Errorf("mutant %d of %s: %d MB allocated", i, files[k], got>>20)
		}
	}
	runtime.GC()
}

// allocated is how many bytes the heap has handed out so far.
func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// FuzzRead gives any bytes to every reader.
func FuzzRead(f *testing.F) {
	table.ReadHere(f)
	for _, path := range foreignFiles(f) {
		if b, err := os.ReadFile(path); err == nil {
			f.Add(b)
		}
	}
	for _, row := range []string{oneAgainstOne, listAgainstList, scoresOfOne, scoresOfList} {
		f.Add([]byte(row))
	}
	for _, p := range published {
		f.Add([]byte(p.row))
	}
	dir := f.TempDir()
	write(f, dir, nil, draw[table.Pair](3))
	data := filepath.Join(dir, "data-00000-of-00001.arrow")
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := os.WriteFile(data, b, 0o666); err != nil {
			t.Fatal(err)
		}
		before := allocated()
		ps, _ := prompts(table.ReadPrompts(data, table.PromptOptions{}))
		for _, p := range ps {
			if p.ID == "" || p.Messages[len(p.Messages)-1].Role != "user" {
				t.Errorf("got prompt %+v", p)
			}
		}
		pairs(data)
		scored(data)
		table.ReadAll[table.Pair](dir)
		items(table.ReadBench(data))
		items(table.ReadBenchScores(data))
		if got := allocated() - before; got > 200<<20 {
			t.Errorf("%d MB allocated", got>>20)
		}
	})
}
