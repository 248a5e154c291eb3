package table_test

import (
	"bytes"
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

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
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
// of Write and Append divide them.
func TestBytes(t *testing.T) {
	rows := draw[everything](3000)
	meta := map[string]string{"b": "2", "a": "1", "c": "3"}
	one, other, rest := t.TempDir(), t.TempDir(), t.TempDir()
	write(t, one, meta, rows)
	write(t, rest, nil, rows[700:])
	w, err := table.Create[everything](other, meta)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows[:700] {
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Append(rest), w.Close()); err != nil {
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
			got := types(t, "", info.Features)
			golden := filepath.Join("testdata", "schema", name+".txt")
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

// types spells features out, a column a line.
func types(t *testing.T, indent string, features json.RawMessage) string {
	t.Helper()
	var b strings.Builder
	dec := json.NewDecoder(strings.NewReader(string(features)))
	dec.Token()
	for dec.More() {
		name, _ := dec.Token()
		var f struct {
			DType   string
			Type    string `json:"_type"`
			Feature json.RawMessage
		}
		if err := dec.Decode(&f); err != nil {
			t.Fatal(err)
		}
		list := ""
		if f.Type == "List" {
			list = "list of "
			inner := f.Feature
			if err := json.Unmarshal(inner, &f); err != nil {
				t.Fatal(err)
			}
			if f.DType == "" {
				fmt.Fprintf(&b, "%s%v list of\n%s", indent, name, types(t, indent+"  ", inner))
				continue
			}
		}
		fmt.Fprintf(&b, "%s%v %s%s\n", indent, name, list, f.DType)
	}
	return b.String()
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
	splits := t.TempDir()
	if err := os.WriteFile(filepath.Join(splits, "dataset_dict.json"), []byte(`{"splits":["train","test"]}`), 0o666); err != nil {
		t.Fatal(err)
	}
	open := map[string]func() error{
		`has the splits ["train" "test"]`: func() error { _, err := table.Open[narrow](splits); return err },
		"holds narrow rows, want wide":    func() error { _, err := table.Open[wide](dir); return err },
		"holds narrow rows, want other":   func() error { _, err := table.Open[other](dir); return err },
		"no state.json: not a table":      func() error { _, err := table.Open[narrow](t.TempDir()); return err },
		"there is a table already":        func() error { _, err := table.Create[narrow](dir, nil); return err },
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

// TestShards writes a table of several files.
func TestShards(t *testing.T) {
	dir := t.TempDir()
	want := draw[table.Ref](5000)
	w, err := table.Create[table.Ref](dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	table.SetLimit(w, 50_000)
	if err := errors.Join(w.Write(want...), w.Close()); err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*"))
	if len(files) < 4 || filepath.Base(files[1]) != fmt.Sprintf("data-00001-of-%05d.arrow", len(files)-2) {
		t.Errorf("got files %q", files)
	}
	got, err := table.ReadAll[table.Ref](dir)
	if d := cmp.Diff(got, want); err != nil || d != "" {
		t.Errorf("error %v (-got +want):\n%s", err, d)
	}
}

// TestForeignTables opens what others may write: extra columns are left alone,
// nulls, other types, and files cut short are not.
func TestForeignTables(t *testing.T) {
	type row struct {
		ID string    `col:"id"`
		Xs []float64 `col:"xs"`
	}
	str, floats := arrow.BinaryTypes.String, arrow.ListOf(arrow.PrimitiveTypes.Float64)
	tests := map[string]struct {
		fields []arrow.Field
		rows   string // JSON
		want   string // in the error; empty for none
	}{
		"extra":        {[]arrow.Field{{Name: "more", Type: str, Nullable: true}, {Name: "xs", Type: floats}, {Name: "id", Type: str}}, `[{"id":"a","xs":[1,2]}]`, ""},
		"missing":      {[]arrow.Field{{Name: "id", Type: str}}, `[{"id":"a"}]`, "column xs: missing, want list<item: float64, nullable>"},
		"wrong type":   {[]arrow.Field{{Name: "id", Type: arrow.PrimitiveTypes.Int32}, {Name: "xs", Type: floats}}, `[{"id":1,"xs":[]}]`, "column id: got int32, want utf8"},
		"wrong list":   {[]arrow.Field{{Name: "id", Type: str}, {Name: "xs", Type: arrow.ListOf(str)}}, `[{"id":"1","xs":[]}]`, "column xs: got list<item: utf8, nullable>, want list<item: float64, nullable>"},
		"twice":        {[]arrow.Field{{Name: "id", Type: str}, {Name: "xs", Type: floats}, {Name: "id", Type: str}}, `[]`, "column id: there are 2 of that name"},
		"null":         {[]arrow.Field{{Name: "id", Type: str, Nullable: true}, {Name: "xs", Type: floats}}, `[{"id":"a","xs":[]},{"id":null,"xs":[]}]`, "row 1: column id: null"},
		"null list":    {[]arrow.Field{{Name: "id", Type: str}, {Name: "xs", Type: floats, Nullable: true}}, `[{"id":"a","xs":null}]`, "row 0: column xs: null"},
		"null in list": {[]arrow.Field{{Name: "id", Type: str}, {Name: "xs", Type: floats}}, `[{"id":"a","xs":[]},{"id":"a","xs":[1,null]}]`, "row 1: column xs: element of the list: null"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, nil, []row(nil)) // for the two JSON files
			schema := arrow.NewSchema(tt.fields, nil)
			rec, _, err := array.RecordFromJSON(memory.DefaultAllocator, schema, strings.NewReader(tt.rows))
			if err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			w := ipc.NewWriter(&b, ipc.WithSchema(schema))
			if err := errors.Join(w.Write(rec), w.Close()); err != nil {
				t.Fatal(err)
			}
			data := filepath.Join(dir, "data-00000-of-00001.arrow")
			read := func(b []byte) error {
				if err := os.WriteFile(data, b, 0o666); err != nil {
					t.Fatal(err)
				}
				_, err := table.ReadAll[row](dir)
				return err
			}
			switch err := read(b.Bytes()); {
			case tt.want == "" && err != nil:
				t.Errorf("got error %v, want none", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got error %v, want one with %q", err, tt.want)
			}
			if err := read(b.Bytes()[:b.Len()-8]); err == nil {
				t.Error("got no error for a file without its end-of-stream mark")
			}
		})
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
