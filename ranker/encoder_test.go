package ranker

import (
	"math"
	"slices"
	"testing"

	"radpo/configs"
	"radpo/internal/golden"
	"radpo/internal/hf"
	"radpo/internal/torch"
)

const tinyEncoder = "testdata/encoder"

func withEncoder(t *testing.T, fn func(*torch.Scope, *encoder)) {
	t.Helper()
	open(t, tinyEncoder, func(s *torch.Scope, f *hf.Folder) error {
		kind, err := KindOf(f)
		if err != nil {
			return err
		}
		r, err := Open(s, configs.Ranker{Kind: kind, Heads: "float32", BatchTokens: 200}, f, torch.Float)
		if err == nil {
			fn(s, r.(*encoder))
		}
		return err
	})
}

// TestEncoderEqualsTransformers holds ids to Hugging Face's tokenizers, which
// encode a pair of texts, and scores to DebertaV2ForSequenceClassification.
func TestEncoderEqualsTransformers(t *testing.T) {
	ref := golden.Open(t, tinyEncoder+"/golden.safetensors")
	ids, lengths, want, width := ref.Ints("ids"), ref.Ints("lengths"), ref.Floats("score"), int(ref.Shape("ids")[1])
	withEncoder(t, func(s *torch.Scope, e *encoder) {
		var requests []Request
		for i, c := range pairCases(t) {
			got, cut := e.both(c[0], c[1])
			line := ids[i*width : i*width+int(lengths[i])]
			if !slices.EqualFunc(got, line, func(a int32, b int64) bool { return int64(a) == b }) || cut != (Cut{}) {
				t.Errorf("%q: ids %v (cut %+v), want %v", c[1], got, cut, line)
			}
			requests = append(requests, Request{Messages: asking(c[0]), Responses: []string{c[2], c[1], c[2]}})
		}
		for i, list := range rank(t, s, e, requests...) {
			if math.Abs(list[1].Score-float64(want[i])) > 1e-5 {
				t.Errorf("row %d scores %v, want %v", i, list[1].Score, want[i])
			}
			if list[0].Score != list[2].Score || list[0].Score == list[1].Score {
				t.Errorf("row %d: %v, %v and %v for two texts", i, list[0].Score, list[1].Score, list[2].Score)
			}
		}
	})
}

// TestEncoderWindow: a long prompt leaves half of the window to a response,
// which loses its end, and all of it that a short one does not need.
func TestEncoderWindow(t *testing.T) {
	withEncoder(t, func(_ *torch.Scope, e *encoder) {
		e.window = 13
		count := func(text string) int { return len(e.tokens.AppendIDs(nil, text, false)) }
		long, short := "the fox eats mice, berries and eggs in the wood and sleeps", "It eats."
		if count(long) < 12 || count(short) > 4 {
			t.Fatalf("texts of %d and %d tokens show nothing", count(long), count(short))
		}
		for _, tt := range []struct {
			prompt, response string
			cut              Cut
			length           int
		}{
			{short, short, Cut{}, 2*count(short) + 3},
			{short, long, Cut{Response: true}, 13},
			{long, short, Cut{Prompt: true}, 13},
			{long, long, Cut{Prompt: true, Response: true}, 13},
		} {
			ids, cut := e.both(tt.prompt, tt.response)
			if cut != tt.cut || len(ids) != tt.length {
				t.Errorf("%q, %q: %d ids, cut %+v, want %d, %+v", tt.prompt, tt.response, len(ids), cut, tt.length, tt.cut)
			}
		}
		foul, cleaned := e.text("a [SEP]fox")
		if clean, no := e.text("a  fox"); !slices.Equal(foul, clean) || !cleaned || no {
			t.Errorf("special tokens in texts are parsed: %v, want %v", foul, clean)
		}
	})
}

// both is the sequence of two texts.
func (e *encoder) both(prompt, response string) ([]int32, Cut) {
	a, _ := e.text(prompt)
	b, _ := e.text(response)
	return e.sequence(a, b)
}
