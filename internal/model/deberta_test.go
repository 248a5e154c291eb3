package model

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"radpo/internal/golden"
	"radpo/internal/hf"
	"radpo/internal/torch"
)

// TestRow holds rows of the table of distances to what transformers makes of
// DeBERTa-v3-large's buckets. One below −511 it leaves out the clamp of
// Microsoft's own code; PairRM was trained without it.
func TestRow(t *testing.T) {
	c := hf.Config{MaxPositionEmbeddings: 512, DeBERTa: hf.DeBERTa{PositionBuckets: 256, MaxRelativePositions: -1}}
	buckets := map[int]int64{
		0: 0, 1: 1, 127: 127, 128: 128, 129: 129, 130: 130, 200: 169, 255: 192, 256: 192,
		300: 207, 400: 233, 510: 255, 511: 255, 512: 256, 1000: 317, 2047: 383,
	}
	for r, b := range buckets {
		if got, want := row(c, r), min(b+256, 511); got != want {
			t.Errorf("distance %d: row %d, want %d", r, got, want)
		}
		if got, want := row(c, -r), max(256-b, 0); got != want {
			t.Errorf("distance %d: row %d, want %d", -r, got, want)
		}
	}
}

// lines reads right-padded ids and their lengths.
func lines(ref *golden.File) (out [][]int32) {
	width := int(ref.Shape("ids")[1])
	ids := ref.Ints("ids")
	for i, n := range ref.Ints("lengths") {
		var q []int32
		for _, id := range ids[i*width : i*width+int(n)] {
			q = append(q, int32(id))
		}
		out = append(out, q)
	}
	return out
}

// places reads the three tokens of each sequence that the head looks at.
func places(ref *golden.File) (out [][]int) {
	for i := range slices.Chunk(ref.Ints("at"), 3) {
		out = append(out, []int{int(i[0]), int(i[1]), int(i[2])})
	}
	return out
}

func everyToken(sequences [][]int32) (out [][]int) {
	for _, q := range sequences {
		var at []int
		for i := range q {
			at = append(at, i)
		}
		out = append(out, at)
	}
	return out
}

func withPairRM(t *testing.T, dir string, fn func(*torch.Scope, *PairRM)) {
	t.Helper()
	f, err := hf.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	err = torch.Run(context.Background(), torch.CPU, func(s *torch.Scope) error {
		m, err := OpenPairRM(s, f, torch.Float, true)
		if err == nil {
			s.NoGrad(func(s *torch.Scope) { fn(s, m) })
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := torch.Live(); n != 0 {
		t.Errorf("%d handles leaked", n)
	}
}

// within compares absolutely, as the encoder's norm makes all values about 1.
func within(t *testing.T, what string, got, want []float32, most float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	for i := range got {
		if d := math.Abs(float64(got[i] - want[i])); !(d <= most) {
			t.Fatalf("%s: value %d is %v, want %v", what, i, got[i], want[i])
		}
	}
}

var encoders = []string{"buckets", "wide", "plain"}

// TestDeBERTaEqualsTransformers compares the hidden states of every token,
// computed without padding, with those of transformers' padded batch.
func TestDeBERTaEqualsTransformers(t *testing.T) {
	for _, name := range encoders {
		t.Run(name, func(t *testing.T) {
			dir := "testdata/encoders/" + name
			ref := golden.Open(t, dir+"/golden.safetensors")
			sequences, hidden := lines(ref), ref.Floats("hidden")
			shape := ref.Shape("hidden")
			withPairRM(t, dir, func(s *torch.Scope, m *PairRM) {
				got := m.Body.Hidden(s, sequences, everyToken(sequences)).Floats()
				for i, q := range sequences {
					n := len(q) * int(shape[2])
					from := i * int(shape[1]*shape[2])
					within(t, fmt.Sprintf("sequence %d", i), got[:n], hidden[from:from+n], 1e-5)
					got = got[n:]
				}
			})
		})
	}
}

// TestPairRMEqualsReference holds logits to those of the padded batch: of all
// sequences at once, and of each alone.
func TestPairRMEqualsReference(t *testing.T) {
	for _, name := range encoders {
		t.Run(name, func(t *testing.T) {
			dir := "testdata/encoders/" + name
			ref := golden.Open(t, dir+"/golden.safetensors")
			sequences, at, want := lines(ref), places(ref), ref.Floats("logits")
			withPairRM(t, dir, func(s *torch.Scope, m *PairRM) {
				within(t, "together", m.Logits(s, sequences, at).Floats(), want, 1e-5)
				for i := range sequences {
					within(t, "alone", m.Logits(s, sequences[i:i+1], at[i:i+1]).Floats(), want[i:i+1], 1e-5)
				}
			})
		})
	}
}

// TestPublishedShapes: the config of llm-blender/PairRM alone says what its
// checkpoint holds.
func TestPublishedShapes(t *testing.T) {
	c := folder(t, `{"ranker_type": "pairranker", "model_type": "deberta", "model_name": "microsoft/deberta-v3-large"}`)
	shapes := map[string][]int64{}
	parameters := int64(0)
	for _, p := range Params(newDeBERTa(c, 128005)) {
		shapes[p.Name] = p.Weight.Shape
		n := int64(1)
		for _, d := range p.Weight.Shape {
			n *= d
		}
		parameters += n
	}
	for name, want := range map[string][]int64{
		"embeddings.word_embeddings.weight": {128005, 1024}, "embeddings.LayerNorm.bias": {1024},
		"encoder.rel_embeddings.weight": {512, 1024}, "encoder.LayerNorm.weight": {1024},
		"encoder.layer.23.attention.self.key_proj.weight": {1024, 1024}, "encoder.layer.0.attention.self.query_proj.bias": {1024},
		"encoder.layer.0.attention.output.dense.weight": {1024, 1024}, "encoder.layer.0.attention.output.LayerNorm.weight": {1024},
		"encoder.layer.0.intermediate.dense.weight": {4096, 1024}, "encoder.layer.0.output.dense.weight": {1024, 4096},
		"encoder.layer.0.output.LayerNorm.bias": {1024},
	} {
		if !slices.Equal(shapes[name], want) {
			t.Errorf("%s has shape %v, want %v", name, shapes[name], want)
		}
	}
	if want := 6 + 24*16; len(shapes) != want || parameters != 433_914_880 {
		t.Errorf("%d tensors of %d numbers, want %d of 433914880", len(shapes), parameters, want)
	}
}

// folder reads a config by itself.
func folder(t *testing.T, text string) hf.Config {
	t.Helper()
	f := configFolder(t, text)
	c, err := f.Config()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func configFolder(t *testing.T, text string) *hf.Folder {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := hf.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// TestOtherDeBERTasAreRefused by the key that asks for what is not there.
func TestOtherDeBERTasAreRefused(t *testing.T) {
	text, err := os.ReadFile("testdata/encoders/buckets/config.json")
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range map[string]string{
		"hidden_act": `"gelu_new"`, "relative_attention": "false", "pos_att_type": `["c2p"]`, "share_att_key": "false",
		"norm_rel_ebd": `"batch_norm"`, "position_biased_input": "true", "type_vocab_size": "2", "conv_kernel_size": "3",
		"embedding_size": "16", "reduce_type": `"concat"`, "architectures": `["DebertaV2Model"]`,
	} {
		var c map[string]json.RawMessage
		if err := json.Unmarshal(text, &c); err != nil {
			t.Fatal(err)
		}
		c[key] = json.RawMessage(value)
		other, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := CheckPairRM(configFolder(t, string(other))); err == nil || !strings.Contains(err.Error(), strings.TrimSuffix(key, "s")) {
			t.Errorf("%s %s: got %v, want an error that names the key", key, value, err)
		}
	}
}
