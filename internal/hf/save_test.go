package hf_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radpo/internal/hf"
)

// TestSave writes a model in one file and in shards and reads it back.
func TestSave(t *testing.T) {
	want := model()
	for limit, files := range map[int64][]string{
		0: {"model.safetensors"},
		// Five tensors of 8, 16, 24, 32, 40 bytes; the last is above the limit.
		32: {
			"model-00001-of-00004.safetensors", "model-00002-of-00004.safetensors", "model-00003-of-00004.safetensors",
			"model-00004-of-00004.safetensors", "model.safetensors.index.json",
		},
	} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "new", "model")
			if err := hf.Save(dir, nil, want, limit); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(list(t, dir), files); diff != "" {
				t.Errorf("files (-got +want):\n%s", diff)
			}
			got := must(open(t, dir).Tensors())
			if diff := cmp.Diff(byName(got), byName(want)); diff != "" {
				t.Errorf("tensors (-got +want):\n%s", diff)
			}
			if err := hf.Save(dir, nil, want, limit); err == nil || !strings.Contains(err.Error(), "save to a new folder") {
				t.Errorf("second save: got %v", err)
			}
		})
	}
}

// TestIndexForm holds the index to the form that transformers writes.
func TestIndexForm(t *testing.T) {
	dir := t.TempDir()
	if err := hf.Save(dir, nil, model(), 100); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Metadata  map[string]int    `json:"metadata"`
		WeightMap map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(must(os.ReadFile(filepath.Join(dir, "model.safetensors.index.json"))), &got); err != nil {
		t.Fatal(err)
	}
	if got.Metadata["total_size"] != 120 || got.WeightMap["t0"] != "model-00001-of-00002.safetensors" || len(got.WeightMap) != 5 {
		t.Errorf("got %+v", got)
	}
	f := must(hf.OpenFile(filepath.Join(dir, "model-00001-of-00002.safetensors")))
	defer f.Close()
	if f.Metadata["format"] != "pt" {
		t.Errorf("got metadata %v, want format pt", f.Metadata)
	}
}

func TestSaveCopiesBase(t *testing.T) {
	base := t.TempDir()
	kept := []string{
		"chat_template.jinja", "config.json", "generation_config.json", "special_tokens_map.json", "tokenizer.json",
		"tokenizer_config.json",
	}
	for _, name := range append([]string{"README.md", "modeling_custom.py", "optimizer.pt", "training_args.json"}, kept...) {
		write(t, base, name, []byte(name+" \r\n\xff"))
	}
	dir := filepath.Join(t.TempDir(), "model")
	if err := hf.Save(dir, open(t, base), nil, 0); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(list(t, dir), append(kept[:3:3], "model.safetensors", kept[3], kept[4], kept[5])); diff != "" {
		t.Errorf("files (-got +want):\n%s", diff)
	}
	for _, name := range kept {
		if got, want := string(must(os.ReadFile(filepath.Join(dir, name)))), name+" \r\n\xff"; got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// TestSaveRestatesDType: config.json names the type that was saved, under the
// keys it has, and stays the same otherwise.
func TestSaveRestatesDType(t *testing.T) {
	tests := map[string]string{
		`{"dtype": "bfloat16", "a":1 }`:                                              `{"dtype": "float32", "a":1 }`,
		"{\"x\": {\"dtype\": \"bfloat16\"},\n  \"torch_dtype\" :  \"bfloat16\"\n}\n": "{\"x\": {\"dtype\": \"bfloat16\"},\n  \"torch_dtype\" :  \"float32\"\n}\n",
		`{"torch_dtype":null,"b":[1,{}],"dtype":"float32","c":"\u00e9é"}`:            `{"torch_dtype":"float32","b":[1,{}],"dtype":"float32","c":"\u00e9é"}`,
		`{"model_type": "llama"}`:                                                    `{"model_type": "llama"}`,
	}
	mixed := append(model(), hf.Tensor{Name: "half", DType: hf.BF16, Shape: []int64{1}, Data: []byte{0, 0}})
	for before, after := range tests {
		base := t.TempDir()
		write(t, base, "config.json", []byte(before))
		for want, tensors := range map[string][]hf.Tensor{after: model(), before: mixed} {
			dir := filepath.Join(t.TempDir(), "model")
			if err := hf.Save(dir, open(t, base), tensors, 0); err != nil {
				t.Fatal(err)
			}
			if got := string(must(os.ReadFile(filepath.Join(dir, "config.json")))); got != want {
				t.Errorf("%s of %d tensors: got %s, want %s", before, len(tensors), got, want)
			}
		}
	}
	base := t.TempDir()
	write(t, base, "config.json", []byte(`{"dtype": "bfloat16"`))
	if err := hf.Save(filepath.Join(t.TempDir(), "model"), open(t, base), model(), 0); err == nil || !strings.Contains(err.Error(), "config.json") {
		t.Errorf("a broken config.json: got %v", err)
	}
}

// TestSaveAsTransformers opens what transformers saved and saves it again: the
// weights must come out the same to the byte.
func TestSaveAsTransformers(t *testing.T) {
	for _, name := range []string{"tied", "biased", "llama3-bf16", "mistral", "mistral-bf16", "qwen2", "qwen2-bf16", "gemma2", "gemma2-bf16", "qwen3", "qwen3-bf16"} {
		dir := filepath.Join(t.TempDir(), name)
		base := open(t, filepath.Join("../model/testdata", name))
		if err := hf.Save(dir, base, shuffled(must(base.Tensors())), 0); err != nil {
			t.Fatal(err)
		}
		for _, file := range []string{"model.safetensors", "config.json", "generation_config.json"} {
			got, want := must(os.ReadFile(filepath.Join(dir, file))), must(os.ReadFile(filepath.Join("../model/testdata", name, file)))
			if string(got) != string(want) {
				t.Errorf("%s of %s differs", file, name)
			}
		}
	}
}

func TestSaveErrors(t *testing.T) {
	good := named("a")[0]
	short, unknown := good, good
	short.Data, unknown.DType = good.Data[:7], "F8_E4M3"
	tests := map[string]struct {
		tensors []hf.Tensor
		want    string
	}{
		"duplicate": {[]hf.Tensor{good, good}, `"a": duplicate`},
		"short":     {[]hf.Tensor{short}, `"a": F32[2] needs 8 bytes, got 7`},
		"type":      {[]hf.Tensor{unknown}, "not supported"},
		"reserved":  {named("__metadata__"), "reserved"},
	}
	for name, test := range tests {
		dir := filepath.Join(t.TempDir(), "model")
		if err := hf.Save(dir, nil, test.tensors, 0); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s: made a folder for a model that it cannot save", name)
		}
	}
}

func TestClosed(t *testing.T) {
	dir := t.TempDir()
	if err := hf.Save(dir, nil, model(), 0); err != nil {
		t.Fatal(err)
	}
	f := must(hf.Open(dir))
	must(f.Tensors())
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Tensors(); err == nil {
		t.Error("a closed folder gave tensors")
	}
}

// model is five tensors t0 to t4 of 2, 4, 6, 8 and 10 floats.
func model() (tensors []hf.Tensor) {
	for i := range 5 {
		t := hf.Tensor{Name: fmt.Sprint("t", i), DType: hf.F32, Shape: []int64{int64(i + 1), 2}}
		for j := range 2 * (i + 1) {
			t.Data = binary.LittleEndian.AppendUint32(t.Data, math.Float32bits(float32(i)+float32(j)/16))
		}
		tensors = append(tensors, t)
	}
	return tensors
}

func byName(tensors []hf.Tensor) map[string]hf.Tensor {
	m := map[string]hf.Tensor{}
	for _, t := range tensors {
		m[t.Name] = t
	}
	return m
}

func list(t *testing.T, dir string) (names []string) {
	t.Helper()
	for _, entry := range must(os.ReadDir(dir)) {
		names = append(names, entry.Name())
	}
	return names
}

// quote is a JSON string.
func quote(s string) string { return string(must(json.Marshal(s))) }
