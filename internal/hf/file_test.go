package hf_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radpo/internal/hf"
)

// TestReadTypes reads what the reference writer wrote, element by element.
func TestReadTypes(t *testing.T) {
	var want struct {
		Values map[string][]float64
		Shapes map[string][]int64
	}
	readJSON(t, "testdata/types.json", &want)
	f := must(hf.OpenFile("testdata/types.safetensors"))
	defer f.Close()

	values, shapes := map[string][]float64{}, map[string][]int64{}
	for _, tensor := range f.Tensors {
		values[tensor.Name] = floats(t, tensor)
		shapes[tensor.Name] = tensor.Shape
	}
	if diff := cmp.Diff(values, want.Values); diff != "" {
		t.Errorf("values (-got +want):\n%s", diff)
	}
	if diff := cmp.Diff(shapes, want.Shapes); diff != "" {
		t.Errorf("shapes (-got +want):\n%s", diff)
	}
	if diff := cmp.Diff(f.Metadata, map[string]string{"format": "pt"}); diff != "" {
		t.Errorf("metadata (-got +want):\n%s", diff)
	}
}

// TestWriteFile holds our writer to the reference writer, byte for byte.
func TestWriteFile(t *testing.T) {
	f := must(hf.OpenFile("testdata/types.safetensors"))
	defer f.Close()
	tensors := shuffled(f.Tensors)
	path := filepath.Join(t.TempDir(), "copy.safetensors")
	if err := hf.WriteFile(path, tensors, f.Metadata); err != nil {
		t.Fatal(err)
	}
	got, want := must(os.ReadFile(path)), must(os.ReadFile("testdata/types.safetensors"))
	if !bytes.Equal(got, want) {
		t.Errorf("got  %.300q\nwant %.300q", got, want)
	}
	if err := hf.WriteFile(path, tensors, nil); err == nil {
		t.Error("wrote over an existing file")
	}
}

// stricter are files that the reference reader takes and we refuse on purpose.
var stricter = map[string]string{
	"space first":     "does not start with {", // the format's text demands it
	"duplicate name":  "duplicate key",
	"many dimensions": "more than 64",
	"eight-bit float": "not supported",
}

func TestHandCases(t *testing.T) {
	for _, c := range handCases(t) {
		t.Run(c.Name, func(t *testing.T) {
			path := write(t, t.TempDir(), "model.safetensors", c.Data)
			f, err := hf.OpenFile(path)
			if f != nil {
				defer f.Close()
			}
			if want, ok := stricter[c.Name]; ok {
				if !c.OK || err == nil || !strings.Contains(err.Error(), want) {
					t.Fatalf("got %v, want %q; reference accepts: %v", err, want, c.OK)
				}
				return
			}
			if (err == nil) != c.OK {
				t.Fatalf("got error %v, want success %v", err, c.OK)
			}
			if err != nil && !strings.Contains(err.Error(), path) {
				t.Errorf("error does not name the file: %v", err)
			}
		})
	}
}

func TestFileErrorsSayWhatToExpect(t *testing.T) {
	wants := map[string]string{
		"truncated data":      `tensor "a": truncated: data ends at byte 8, file holds 7`,
		"truncated header":    "truncated: header ends at byte",
		"shape too large":     `tensor "a": F32[3] needs 12 bytes, got data_offsets [0, 8]`,
		"hole between":        `tensor "b": want data to start at byte 8, where the one before ends, got 12`,
		"surplus data":        "want 8 bytes of data, got 9",
		"length above limit":  "header of 100000001 bytes, at most 100000000",
		"eight-bit float":     `tensor "a": type F8_E4M3: quantised weights are not supported; convert the model to BF16`,
		"unknown dtype":       `tensor "a": unknown type "F31"`,
		"product overflows":   `tensor "a": shape [4294967296 4294967296]: negative or too large`,
		"metadata of numbers": "want a string, got 1",
	}
	for _, c := range handCases(t) {
		want, ok := wants[c.Name]
		if !ok {
			continue
		}
		delete(wants, c.Name)
		_, err := hf.OpenFile(write(t, t.TempDir(), "f", c.Data))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", c.Name, err, want)
		}
	}
	if len(wants) > 0 {
		t.Errorf("cases that do not exist: %v", wants)
	}
}

// TestMutants damages good files in thousands of ways, always the same ones.
// Reading them must not panic, nor take memory or time out of proportion; what
// is still accepted must be consistent.
func TestMutants(t *testing.T) {
	seeds := [][]byte{must(os.ReadFile("testdata/types.safetensors"))}
	for _, c := range handCases(t) {
		if c.OK {
			seeds = append(seeds, c.Data)
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	accepted := 0
	for i := range 50_000 {
		data := mutate(random, seeds[i%len(seeds)])
		start, before := time.Now(), allocated()
		f, err := hf.Parse(data)
		if took := time.Since(start); took > time.Second {
			t.Errorf("mutant %d: %v", i, took)
		}
		// The header becomes tokens and slices: tens of bytes for each of its bytes.
		if got, limit := allocated()-before, uint64(16<<10+32*len(data)); got > limit {
			t.Errorf("mutant %d: %d bytes allocated for a file of %d", i, got, len(data))
		}
		if err == nil {
			accepted++
			checkConsistent(t, f)
		}
	}
	if accepted < 500 || accepted > 25_000 {
		t.Errorf("%d of 50000 mutants accepted: the damage is too heavy or too light to test much", accepted)
	}
}

// TestLargeHeader reads headers far beyond any model's in bounded time and
// memory: twenty thousand tensors, and one list of half a million numbers.
func TestLargeHeader(t *testing.T) {
	many := strings.Builder{}
	for i := range 20_000 {
		fmt.Fprintf(&many, `,"model.layers.%d.mlp.experts.up_proj.weight":{"dtype":"F32","shape":[1],"data_offsets":[%d,%d]}`, i, 4*i, 4*i+4)
	}
	tests := map[string]struct {
		header  string
		tensors int // 0: an error
	}{
		"tensors": {"{" + many.String()[1:] + "}", 20_000},
		"numbers": {`{"a":{"shape":[` + strings.Repeat("1,", 500_000) + "1]}}", 0},
		"string":  {`{"` + strings.Repeat("x", 1<<20) + `":1}`, 0},
		"depth":   {`{"a":{"x":` + strings.Repeat("[", 1<<20), 0},
	}
	for name, test := range tests {
		data := binary.LittleEndian.AppendUint64(nil, uint64(len(test.header)))
		data = append(data, test.header...)
		data = append(data, make([]byte, 4*test.tensors)...)
		start, before := time.Now(), allocated()
		f, err := hf.Parse(data)
		if got, limit := allocated()-before, uint64(32*len(data)); got > limit {
			t.Errorf("%s: %d bytes allocated for a file of %d", name, got, len(data))
		} else {
			t.Logf("%s: %d bytes in %v, %d bytes allocated", name, len(data), time.Since(start), got)
		}
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("%s: %v", name, took)
		}
		if (err == nil) != (test.tensors > 0) || err == nil && len(f.Tensors) != test.tensors {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(must(os.ReadFile("testdata/types.safetensors")))
	for _, c := range handCases(f) {
		f.Add(c.Data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if file, err := hf.Parse(data); err == nil {
			checkConsistent(t, file)
		}
	})
}

// checkConsistent holds every tensor's bytes to its shape, and touches them.
func checkConsistent(t *testing.T, f *hf.File) {
	t.Helper()
	for _, tensor := range f.Tensors {
		want := tensor.DType.Size()
		for _, n := range tensor.Shape {
			want *= n
		}
		if int64(len(tensor.Data)) != want || want < 0 {
			t.Errorf("%s: %v%v has %d bytes", tensor.Name, tensor.DType, tensor.Shape, len(tensor.Data))
		}
		if n := len(tensor.Data); n > 0 {
			_ = tensor.Data[0] ^ tensor.Data[n-1]
		}
	}
}

// mutate flips, overwrites, inserts, deletes or truncates, half of the time
// keeping the header length right so that damage gets past it.
func mutate(r *rand.Rand, seed []byte) []byte {
	data := bytes.Clone(seed)
	headerEnd := int(8 + binary.LittleEndian.Uint64(data))
	spans := []string{"0", "9", "-1", "18446744073709551615", "9223372036854775807", "4611686018427387904", "[", "]", "{", "}", `"`, ",", ":", "null",
		`"dtype"`, "BF16", "F64", "BOOL", "\x00", "\xff", "[2,2]", `"a":{`}
	for range 1 + r.IntN(3) {
		at := r.IntN(headerEnd)
		switch r.IntN(6) {
		case 0:
			data[at] ^= 1 << r.IntN(8)
		case 1:
			data[at] = byte(r.IntN(256))
		case 2:
			data = append(data[:at:at], append([]byte(spans[r.IntN(len(spans))]), data[at:]...)...)
		case 3:
			data = append(data[:at:at], data[min(len(data), at+1+r.IntN(8)):]...)
		case 4:
			span := spans[r.IntN(len(spans))]
			copy(data[at:], span)
		case 5:
			data = data[:r.IntN(len(data)+1)]
		}
		headerEnd = min(headerEnd, len(data))
		if headerEnd == 0 {
			return data
		}
	}
	if len(data) >= 8 && r.IntN(2) == 0 {
		grown := len(data) - len(seed)
		n := int64(binary.LittleEndian.Uint64(seed)) + int64(grown)
		binary.LittleEndian.PutUint64(data, uint64(max(0, min(n, int64(len(data)-8)))))
	}
	return data
}

type handCase struct {
	Name string
	Data []byte
	OK   bool
}

func handCases(t testing.TB) []handCase {
	t.Helper()
	var golden struct {
		Cases []struct {
			Name, Data string
			OK         bool
		}
	}
	readJSON(t, "testdata/cases.json", &golden)
	if len(golden.Cases) < 64 {
		t.Fatalf("got %d cases, want at least 64", len(golden.Cases))
	}
	var cases []handCase
	for _, c := range golden.Cases {
		cases = append(cases, handCase{c.Name, must(base64.StdEncoding.DecodeString(c.Data)), c.OK})
	}
	return cases
}

func floats(t *testing.T, x hf.Tensor) []float64 {
	t.Helper()
	out := []float64{}
	for b := x.Data; len(b) > 0; b = b[x.DType.Size():] {
		out = append(out, float(x.DType, b))
	}
	return out
}

func float(d hf.DType, b []byte) float64 {
	le := binary.LittleEndian
	switch d {
	case hf.F64:
		return math.Float64frombits(le.Uint64(b))
	case hf.F32:
		return float64(math.Float32frombits(le.Uint32(b)))
	case hf.BF16:
		return float64(math.Float32frombits(uint32(le.Uint16(b)) << 16))
	case hf.F16:
		return half(le.Uint16(b))
	case hf.I64:
		return float64(int64(le.Uint64(b)))
	case hf.I32:
		return float64(int32(le.Uint32(b)))
	case hf.I16:
		return float64(int16(le.Uint16(b)))
	case hf.I8:
		return float64(int8(b[0]))
	default:
		return float64(b[0])
	}
}

// half is the value of a normal or zero half-precision number.
func half(h uint16) float64 {
	exponent, mantissa := int(h>>10&31), float64(h&1023)
	x := math.Ldexp(1+mantissa/1024, exponent-15)
	if exponent == 0 {
		x = math.Ldexp(mantissa, -24)
	}
	if h>>15 == 1 {
		x = -x
	}
	return x
}

// shuffled puts tensors into an order that no writer would choose.
func shuffled(tensors []hf.Tensor) []hf.Tensor {
	out := append([]hf.Tensor(nil), tensors...)
	rand.New(rand.NewPCG(3, 4)).Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

func readJSON(t testing.TB, path string, v any) {
	t.Helper()
	if err := json.Unmarshal(must(os.ReadFile(path)), v); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func write(t testing.TB, dir, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
