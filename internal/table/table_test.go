package table_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"radpo/internal/table"
)

var update = flag.Bool("update", false, "rewrite the schema goldens")

// everything has each type a column can have.
type everything struct {
	S    string          `col:"s"`
	B    bool            `col:"b"`
	I    int32           `col:"i"`
	L    int64           `col:"l"`
	F    float32         `col:"f"`
	D    float64         `col:"d"`
	Is   []int32         `col:"is"`
	Fs   []float32       `col:"fs"`
	Ds   []float64       `col:"ds"`
	Ss   []string        `col:"ss"`
	M    []table.Message `col:"m"`
	Note string          // no column
}

// fill sets every column of v to something drawn from r.
func fill(r *rand.Rand, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(strings.Repeat("ä→b", r.IntN(4)))
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 1)
	case reflect.Int32, reflect.Int64:
		v.SetInt(int64(int32(r.Uint32())))
	case reflect.Float32, reflect.Float64:
		v.SetFloat(float64(float32(r.NormFloat64())))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), r.IntN(4), 4))
		for i := range v.Len() {
			fill(r, v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).Tag.Get("col") != "" {
				fill(r, v.Field(i))
			}
		}
	}
}

func draw[R any](n int) []R {
	r := rand.New(rand.NewPCG(1, 2))
	rows := make([]R, n)
	for i := range rows {
		fill(r, reflect.ValueOf(&rows[i]).Elem())
	}
	return rows
}

func write[R any](t testing.TB, dir string, meta map[string]string, rows []R) {
	t.Helper()
	w, err := table.Create[R](dir, meta)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Write(rows...), w.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestRoundTrip also fails when Arrow memory is not given back.
func TestRoundTrip(t *testing.T) {
	t.Run("everything", roundTrip[everything])
	t.Run("prompts", roundTrip[table.Prompt])
	t.Run("samples", roundTrip[table.Sample])
	t.Run("scores", roundTrip[table.Score])
	t.Run("pairs", roundTrip[table.Pair])
	t.Run("refs", roundTrip[table.Ref])
	t.Run("report", roundTrip[table.Measure])
}

func roundTrip[R any](t *testing.T) {
	for _, n := range []int{0, 1, 1024, 2500} {
		mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
		dir := filepath.Join(t.TempDir(), "t")
		meta := map[string]string{"fingerprint": "f00", "config": "{}"}
		w, err := table.CreateWith[R](dir, meta, mem)
		if err != nil {
			t.Fatal(err)
		}
		want := draw[R](n)
		if err := errors.Join(w.Write(want...), w.Close()); err != nil {
			t.Fatal(err)
		}
		got, err := table.OpenWith[R](dir, mem)
		if err != nil {
			t.Fatal(err)
		}
		if got.Len() != n {
			t.Errorf("Len() = %d, want %d", got.Len(), n)
		}
		if d := cmp.Diff(got.Meta(), meta); d != "" {
			t.Errorf("Meta() (-got +want):\n%s", d)
		}
		var rows []R
		for r, err := range got.Rows() {
			if err != nil {
				t.Fatal(err)
			}
			rows = append(rows, r)
		}
		if d := cmp.Diff(rows, want, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("%d rows (-got +want):\n%s", n, d)
		}
		for range got.Rows() { // one that stops early
			break
		}
		mem.AssertSize(t, 0)
	}
}

// TestBytes holds the writer to equal bytes for equal rows, however the calls
// of Write divide them.
func TestBytes(t *testing.T) {
	rows := draw[everything](3000)
	meta := map[string]string{"b": "2", "a": "1", "c": "3"}
	one, other := t.TempDir(), t.TempDir()
	write(t, one, meta, rows)
	w, err := table.Create[everything](other, meta)
	if err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		if err := w.Write(rows[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{"data-00000-of-00001.arrow", "state.json", "dataset_info.json"} {
		got, err1 := os.ReadFile(filepath.Join(other, f))
		want, err2 := os.ReadFile(filepath.Join(one, f))
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		if string(got) != string(want) {
			t.Errorf("%s differs", f)
		}
	}
}

// TestSchemas guards the columns of every table: what is on disk in old runs.
func TestSchemas(t *testing.T) {
	schemas := map[string]func(testing.TB, string){
		"prompts": empty[table.Prompt], "samples": empty[table.Sample], "scores": empty[table.Score],
		"pairs": empty[table.Pair], "refs": empty[table.Ref], "report": empty[table.Measure],
	}
	for name, create := range schemas {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			create(t, dir)
			b, err := os.ReadFile(filepath.Join(dir, "dataset_info.json"))
			if err != nil {
				t.Fatal(err)
			}
			var info struct{ Features json.RawMessage }
			if err := json.Unmarshal(b, &info); err != nil {
				t.Fatal(err)
			}
			got := string(info.Features) + "\n"
			golden := filepath.Join("testdata", "schema", name+".json")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(got, string(want)); d != "" {
				t.Errorf("schema changed; raise the stage's version, then run with -update (-got +want):\n%s", d)
			}
		})
	}
}

func empty[R any](t testing.TB, dir string) { write[R](t, dir, nil, nil) }

// TestBind checks what Open says about folders of other columns.
func TestBind(t *testing.T) {
	type narrow struct {
		A string `col:"a"`
	}
	type wide struct {
		A string  `col:"a"`
		B float64 `col:"b"`
	}
	type other struct {
		A int32 `col:"a"`
	}
	dir := t.TempDir()
	write(t, dir, nil, []narrow{{"x"}})
	open := map[string]func() error{
		"holds narrow rows, want wide":  func() error { _, err := table.Open[wide](dir); return err },
		"holds narrow rows, want other": func() error { _, err := table.Open[other](dir); return err },
		"no state.json: not a table":    func() error { _, err := table.Open[narrow](t.TempDir()); return err },
		"there is a table already":      func() error { _, err := table.Create[narrow](dir, nil); return err },
		`"row_type" is taken`: func() error {
			_, err := table.Create[narrow](t.TempDir(), map[string]string{"row_type": "x"})
			return err
		},
		"column a: text is not UTF-8": func() error {
			w, err := table.Create[narrow](t.TempDir(), nil)
			return errors.Join(err, w.Write(narrow{"\xff"}), w.Close())
		},
	}
	for want, f := range open {
		if err := f(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want one with %q", err, want)
		}
	}
}

// BenchmarkMillion streams a million small rows out and in again.
func BenchmarkMillion(b *testing.B) {
	rows := draw[table.Ref](1000)
	for b.Loop() {
		dir := filepath.Join(b.TempDir(), "t")
		w, err := table.Create[table.Ref](dir, nil)
		if err != nil {
			b.Fatal(err)
		}
		for range 1000 {
			if err := w.Write(rows...); err != nil {
				b.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			b.Fatal(err)
		}
		t, err := table.Open[table.Ref](dir)
		if err != nil {
			b.Fatal(err)
		}
		for _, err := range t.Rows() {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.N)*1e6/b.Elapsed().Seconds(), "rows/s")
}

func Example() {
	dir, _ := os.MkdirTemp("", "table")
	defer os.RemoveAll(dir)
	w, _ := table.Create[table.Ref](dir, map[string]string{"fingerprint": "cafe"})
	w.Write(table.Ref{PairID: "1-p0-3-1-plain", Chosen: -12.5, Rejected: -40, ChosenTokens: 9, RejectedTokens: 21})
	w.Close()
	t, _ := table.Open[table.Ref](dir)
	for r, err := range t.Rows() {
		fmt.Println(r.PairID, r.Chosen, err, t.Meta())
	}
	// Output: 1-p0-3-1-plain -12.5 <nil> map[fingerprint:cafe]
}
