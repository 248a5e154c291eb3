package ranker

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"radpo/configs"
	"radpo/internal/golden"
	"radpo/internal/hf"
	"radpo/internal/table"
	"radpo/internal/tokenizer"
	"radpo/internal/torch"
)

// withPairRM opens the tiny ranker that tools/golden/deberta.py made.
func withPairRM(t *testing.T, dir string, c configs.PairRM, budget int, fn func(*torch.Scope, *pairRM)) {
	t.Helper()
	open(t, dir, func(s *torch.Scope, f *hf.Folder) error {
		r, err := Open(s, configs.Ranker{Kind: "pairrm", Heads: "float32", BatchTokens: budget, PairRM: c}, f, torch.Float)
		if err == nil {
			fn(s, r.(*pairRM))
		}
		return err
	})
}

const tinyPairRM = "testdata/pairrm"

var plainPairs = configs.PairRM{PromptForm: "raw", Aggregation: "mean"}

// pairCases are the source and both candidates of each row of the golden.
func pairCases(t *testing.T) (out [][3]string) {
	t.Helper()
	text, err := os.ReadFile(tinyPairRM + "/cases.json")
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestPairInputEqualsReference holds token ids, and where the parts begin, to
// those of Hugging Face's tokenizers after the truncation of the model card.
func TestPairInputEqualsReference(t *testing.T) {
	ref := golden.Open(t, tinyPairRM+"/golden.safetensors")
	ids, at, width := ref.Ints("ids"), ref.Ints("at"), int(ref.Shape("ids")[1])
	withPairRM(t, tinyPairRM, plainPairs, 1, func(_ *torch.Scope, p *pairRM) {
		for i, c := range pairCases(t) {
			q := Request{Messages: asking(c[0]), Responses: c[1:]}
			game, err := p.contest(q)
			if err != nil {
				t.Fatal(err)
			}
			got, places := p.join(game.source, game.candidates[0], game.candidates[1])
			var want []int32
			for _, id := range ids[i*width : i*width+int(ref.Ints("lengths")[i])] {
				want = append(want, int32(id))
			}
			if !slices.Equal(got, want) {
				t.Errorf("%q against %q:\n got %v\nwant %v", c[1], c[2], got, want)
			}
			if fmt.Sprint(places) != fmt.Sprint(at[3*i:3*i+3]) {
				t.Errorf("parts begin at %v, want %v", places, at[3*i:3*i+3])
			}
			long := len(c[0]) > 500
			if cut := game.ratings[0].Cut; cut.Prompt != long || cut.Response != (len(c[1]) > 80) {
				t.Errorf("%q: cut %+v", c[1], cut)
			}
		}
	})
}

// TestPairwiseEqualsReference holds the matrix to the logits of transformers'
// DebertaV2Model with two linear layers, and the scores to the matrix.
func TestPairwiseEqualsReference(t *testing.T) {
	ref := golden.Open(t, tinyPairRM+"/golden.safetensors")
	logits, cases := ref.Floats("logits"), pairCases(t)
	texts := []string{cases[0][1], cases[0][2], cases[1][2], cases[2][2]}
	withPairRM(t, tinyPairRM, plainPairs, 200, func(s *torch.Scope, p *pairRM) {
		ratings := rank(t, s, p, Request{Messages: asking(cases[0][0]), Responses: texts})[0]
		var sum float64
		for k, c := range cases {
			i, j := slices.Index(texts, c[1]), slices.Index(texts, c[2])
			if c[0] != cases[0][0] {
				continue
			}
			if got := ratings[i].Pairwise[j]; math.Abs(got-float64(logits[k])) > 1e-5 {
				t.Errorf("%q against %q: %v, want %v", c[1], c[2], got, logits[k])
			}
		}
		for i, r := range ratings {
			want := 0.0
			for j := range texts {
				want += (r.Pairwise[j] - ratings[j].Pairwise[i]) / float64(len(texts))
			}
			if r.Score != want || r.Pairwise[i] != 0 {
				t.Errorf("score %d is %v, want %v; its diagonal is %v", i, r.Score, want, r.Pairwise[i])
			}
			sum += r.Score
		}
		if math.Abs(sum) > 1e-12 {
			t.Errorf("scores add up to %v, want 0", sum)
		}
	})
}

// TestPairCompanyDoesNotShow: a matrix is the same alone, among other prompts,
// in other batches and with its responses in another order; equal responses
// score alike to the last bit.
func TestPairCompanyDoesNotShow(t *testing.T) {
	texts := []string{"It eats.", "", "The fox sleeps.", "It eats."}
	own := Request{Messages: asking("what is a fox?"), Responses: texts}
	turned := Request{Messages: own.Messages, Responses: []string{"It eats.", "The fox sleeps.", "", "It eats."}}
	long := Request{Messages: asking(strings.Repeat("tell me more. ", 9)), Responses: []string{"no.", "It eats mice, berries and eggs."}}
	var alone []Rating
	for _, budget := range []int{1, 64, 16384} {
		withPairRM(t, tinyPairRM, plainPairs, budget, func(s *torch.Scope, p *pairRM) {
			if alone == nil {
				alone = rank(t, s, p, own)[0]
			}
			all := rank(t, s, p, long, own, turned)
			for i, k := range []int{0, 2, 1, 3} {
				for j, l := range []int{0, 2, 1, 3} {
					a, b, c := alone[i].Pairwise[j], all[1][i].Pairwise[j], all[2][k].Pairwise[l]
					if math.Abs(a-b) > 5e-6 || math.Abs(a-c) > 5e-6 {
						t.Errorf("budget %d: %d against %d is %v alone, %v among others, %v in another order", budget, i, j, a, b, c)
					}
				}
			}
			if a, b := all[1][0], all[1][3]; a.Score != b.Score || a.Pairwise[3] == 0 || a.Pairwise[3] != b.Pairwise[0] {
				t.Errorf("equal responses: scores %v and %v, logits %v and %v", a.Score, b.Score, a.Pairwise[3], b.Pairwise[0])
			}
		})
	}
}

// TestLayoutsAgree: PairRM-hf's config reads the same checkpoint alike, and
// refuses a tokenizer with other prefixes.
func TestLayoutsAgree(t *testing.T) {
	request := Request{Messages: asking("what is a fox?"), Responses: []string{"It eats.", "It sleeps."}}
	var scores []float64
	for _, dir := range []string{tinyPairRM, otherLayout(t, 134)} {
		withPairRM(t, dir, plainPairs, 100, func(s *torch.Scope, p *pairRM) {
			scores = append(scores, rank(t, s, p, request)[0][0].Score)
		})
	}
	if scores[0] != scores[1] {
		t.Errorf("scores %v, want the same twice", scores)
	}
	f, err := hf.Open(otherLayout(t, 135))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := CheckPairRM(f); err == nil || !strings.Contains(err.Error(), "<|candidate1|> is token 134 in tokenizer.json and 135 in config.json") {
		t.Errorf("got %v", err)
	}
}

// otherLayout is the tiny ranker with a config as of PairRM-hf that calls the
// first candidate's prefix first.
func otherLayout(t *testing.T, first int) string {
	t.Helper()
	return copied(t, func(name string, text []byte) []byte {
		if name != "config.json" {
			return text
		}
		return fmt.Appendf(nil, `{"architectures": ["DebertaV2PairRM"], "model_type": "deberta-v2", "hidden_size": 32, "intermediate_size": 48,
			"num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 32, "position_buckets": 8, "norm_rel_ebd": "layer_norm",
			"pos_att_type": "c2p|p2c", "position_biased_input": false, "relative_attention": true, "share_att_key": true, "vocab_size": 128005,
			"source_maxlength": 30, "candidate_maxlength": 16, "n_tasks": 1, "source_prefix_id": 133, "cand1_prefix_id": %d, "cand2_prefix_id": 135}`, first)
	})
}

// copied is the tiny ranker with changed files; a nil one is left out.
func copied(t *testing.T, change func(name string, text []byte) []byte) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"config.json", "model.safetensors", "tokenizer.json"} {
		text, err := os.ReadFile(filepath.Join(tinyPairRM, name))
		if err != nil {
			t.Fatal(err)
		}
		if text = change(name, text); text == nil {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestPairRMFaults names what a folder lacks and the way out.
func TestPairRMFaults(t *testing.T) {
	for name, tt := range map[string]struct {
		file   string
		change func([]byte) []byte
		want   string
	}{
		"no tokenizer":    {"tokenizer.json", func([]byte) []byte { return nil }, "convert it with transformers 4"},
		"other tokenizer": {"tokenizer.json", func(b []byte) []byte { return []byte(strings.ReplaceAll(string(b), "<|candidate2|>", "<|other|>")) }, "no added token <|candidate2|>"},
		"other encoder":   {"config.json", func(b []byte) []byte { return []byte(strings.Replace(string(b), "v3-large", "v9", 1)) }, "is no encoder that is known here"},
		"other head":      {"config.json", func(b []byte) []byte { return []byte(strings.Replace(string(b), `"n_tasks": 1`, `"n_tasks": 2`, 1)) }, "head_layer.4.weight has shape [1 32]"},
	} {
		f, err := hf.Open(copied(t, func(name string, text []byte) []byte {
			if name == tt.file {
				return tt.change(text)
			}
			return text
		}))
		if err != nil {
			t.Fatal(err)
		}
		if err := CheckPairRM(f); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", name, err, tt.want)
		}
		f.Close()
	}
}

// TestSpecialsAreText: what spells a special token becomes a space and is
// counted, so that the parts stay where they are.
func TestSpecialsAreText(t *testing.T) {
	withPairRM(t, tinyPairRM, plainPairs, 100, func(s *torch.Scope, p *pairRM) {
		for _, text := range specials {
			foul := p.part(firstPrefix, "it "+text+"eats", 30)
			clean := p.part(firstPrefix, "it  eats", 30)
			if !slices.Equal(foul.ids, clean.ids) || !foul.cleaned || clean.cleaned {
				t.Errorf("%s: ids %v (cleaned %v), want %v", text, foul.ids, foul.cleaned, clean.ids)
			}
		}
		ratings := rank(t, s, p, Request{Messages: asking("what [SEP]?"), Responses: []string{"a", "b"}},
			Request{Messages: asking("what?"), Responses: []string{"a", "b <|candidate2|>"}})
		got := tallyOf([]Request{{Responses: []string{"a", "b"}}, {Responses: []string{"a", "b"}}}, ratings).Counts.Cleaned
		if got != 3 {
			t.Errorf("%d responses cleaned, want 3: two beside their prompt and one by itself", got)
		}
	})
}

// TestNormalizedSpecialsAreTakenOut: a character map may make a special token
// of text that does not spell one.
func TestNormalizedSpecialsAreTakenOut(t *testing.T) {
	f, err := os.Open("../internal/tokenizer/testdata/mini-unigram.tokenizer.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	unpacked, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(unpacked)
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := tokenizer.Load(fstest.MapFS{"tokenizer.json": {Data: text}})
	if err != nil {
		t.Fatal(err)
	}
	id, _ := tokens.ID(secondPrefix)
	p := &pairReader{tokens: tokens, blocked: []int32{id}}
	const wide = "it ＜|candidate2|＞ eats" // the brackets of CJK
	if plain := tokens.AppendIDs(nil, wide, true); !slices.Contains(plain, id) {
		t.Fatalf("%q has no prefix among its ids %v: the test shows nothing", wide, plain)
	}
	if got := p.part(firstPrefix, wide, 30); slices.Contains(got.ids, id) || !got.cleaned {
		t.Errorf("ids %v (cleaned %v)", got.ids, got.cleaned)
	}
}

// TestPromptForms writes what PairRM reads of a conversation.
func TestPromptForms(t *testing.T) {
	turns := []table.Message{{Role: "system", Content: "be brief"}, {Role: "user", Content: "a fox?"}, {Role: "assistant", Content: "red."}, {Role: "user", Content: "and?"}}
	q := Request{Messages: turns, Responses: []string{"shy.", "sly."}, Rendered: "<user>and?"}
	for form, want := range map[string]string{
		"raw":  "and?|shy.|sly.",
		"chat": "<user>and?|shy.|sly.",
		"conversation": "Finish the following coversation in each i-th turn by filling in <Response i> with your response." +
			"USER: a fox?\nAssistant: <Response 1>\nUSER: and?\nAssistant: <Response 2>|" +
			"<Response 1>: red.\n<Response 2>: shy.|<Response 1>: red.\n<Response 2>: sly.",
	} {
		source, candidates, err := pairTexts(form, q)
		if got := strings.Join(append([]string{source}, candidates...), "|"); err != nil || got != want {
			t.Errorf("%s: got %q (%v), want %q", form, got, err, want)
		}
	}
	for _, bad := range [][]table.Message{turns[2:], turns[:3], {turns[1], turns[1]}} {
		if _, _, err := pairTexts("conversation", Request{Messages: bad, Responses: []string{"x"}}); err == nil {
			t.Errorf("took %v for a conversation", bad)
		}
	}
}

// TestBubble finds best and worst of the whole matrix in fewer comparisons.
func TestBubble(t *testing.T) {
	texts := []string{"It eats.", "", "The fox sleeps.", "It eats.", "berries and eggs", "a den"}
	request := Request{Messages: asking("what is a fox?"), Responses: texts}
	var all matrix
	withPairRM(t, tinyPairRM, plainPairs, 400, func(s *torch.Scope, p *pairRM) {
		for _, r := range rank(t, s, p, request)[0] {
			all = append(all, r.Pairwise)
		}
	})
	withPairRM(t, tinyPairRM, configs.PairRM{PromptForm: "raw", Aggregation: "bubble"}, 400, func(s *torch.Scope, p *pairRM) {
		ratings := rank(t, s, p, request, Request{Messages: request.Messages, Responses: texts[:1]})
		played := 0
		for i, r := range ratings[0] {
			for j, logit := range r.Pairwise {
				played += one(logit != 0)
				if beats := all[i][j] - all[j][i]; r.Score == 1 && beats < -1e-6 && logit != 0 || r.Score == -1 && beats > 1e-6 && logit != 0 {
					t.Errorf("response %d scores %v and differs from %d by %v", i, r.Score, j, beats)
				}
			}
		}
		if ratings[0][0].Score != ratings[0][3].Score {
			t.Error("equal responses score differently")
		}
		if most := 2 * 4 * 4; played == 0 || played > most {
			t.Errorf("%d entries played, want 1 to %d", played, most)
		}
		if got := ratings[1][0].Score; got != 0 {
			t.Errorf("a response alone scores %v, want 0", got)
		}
	})
}

// TestMatrix holds scores, wins and the bias for a place to counts by hand.
func TestMatrix(t *testing.T) {
	m := matrix{{0, 1, -2}, {0.5, 0, 3}, {1, -1, 0}}
	for name, tt := range map[string]struct{ got, want []float64 }{
		"means": {m.means(), []float64{-2.5 / 3, 3.5 / 3, -1.0 / 3}},
		"wins":  {m.wins(), []float64{1, 3, 2}},
	} {
		for i, want := range tt.want {
			if math.Abs(tt.got[i]-want) > 1e-12 {
				t.Errorf("%s: got %v, want %v", name, tt.got, tt.want)
			}
		}
	}
	var b, twice PositionBias
	q := Request{Responses: []string{"a", "b", "c"}}
	b.add(q, []Rating{{Pairwise: m[0]}, {Pairwise: m[1]}, {Pairwise: m[2]}})
	if want := (PositionBias{Pairs: 3, Flipped: 1, Mean: (1.5 - 1 + 2) / 3}); b != want {
		t.Errorf("got %+v, want %+v", b, want)
	}
	twice.join(b)
	twice.join(PositionBias{Pairs: 1, Mean: 0.5})
	if math.Abs(twice.Mean-3.0/4) > 1e-12 || twice.Pairs != 4 {
		t.Errorf("together %+v", twice)
	}
	b = PositionBias{}
	b.add(Request{Responses: []string{"a", "a"}}, []Rating{{Pairwise: []float64{0, 1}}, {Pairwise: []float64{1, 0}}})
	if b.Pairs != 0 {
		t.Errorf("equal responses count: %+v", b)
	}
}

// TestCancelledPairs ends between batches.
func TestCancelledPairs(t *testing.T) {
	withPairRM(t, tinyPairRM, plainPairs, 1, func(s *torch.Scope, p *pairRM) {
		ctx, stop := context.WithCancel(t.Context())
		stop()
		if _, err := p.Rank(ctx, s, []Request{{Messages: asking("x"), Responses: []string{"a", "b"}}}); err == nil {
			t.Error("went on")
		}
	})
}
