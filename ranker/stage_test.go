package ranker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"radpo/configs"
	"radpo/internal/flow"
	"radpo/internal/table"
	"radpo/internal/torch"
)

// create makes a table of rows.
func create[R any](t *testing.T, rows []R) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "table")
	if err := table.WriteAll(dir, nil, rows); err != nil {
		t.Fatal(err)
	}
	return dir
}

// made runs a plan in a run folder and returns the table of its last stage.
func made(ctx context.Context, t *testing.T, run string, plan ...flow.Stage) (string, error) {
	t.Helper()
	store, err := flow.Open(run)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := store.Run(ctx, plan); err != nil {
		return "", err
	}
	steps, err := store.Plan(plan)
	if err != nil {
		t.Fatal(err)
	}
	dir, _ := store.Path(steps[len(steps)-1].Fingerprint)
	return dir, nil
}

// ranking is a plan that scores three samples of each of n prompts.
func ranking(t *testing.T, n int) []flow.Stage {
	t.Helper()
	var prompts []table.Prompt
	var samples []table.Sample
	for i := range n {
		p := table.Prompt{ID: fmt.Sprintf("p%02d", i), Messages: asking(fmt.Sprintf("tell me of fox %d", i))}
		prompts = append(prompts, p)
		for k := range 3 {
			text := strings.Repeat("a fox is red. ", (i+k)%4)
			samples = append(samples, table.Sample{PromptID: p.ID, Sample: int32(k), Text: text, Finish: table.FinishStop})
		}
	}
	c := Config{Ranker: like("armorm"), DType: "float32", Device: "cpu"}
	return []flow.Stage{
		flow.Source("prompts", create(t, prompts)), flow.Source("samples", create(t, samples)), flow.Source("reward", reward),
		Stage.With(c, "raw", "prompts", "samples", "reward"),
	}
}

// An until is a context that ends once a file is there.
type until struct {
	context.Context
	pattern string
}

func (u until) Err() error {
	if found, _ := filepath.Glob(u.pattern); len(found) > 0 {
		return context.Canceled
	}
	return nil
}

// TestStage scores 70 prompts' samples, in two segments: at once, and ended
// behind the first and continued.
func TestStage(t *testing.T) {
	plan, broken := ranking(t, 70), t.TempDir()
	dir, err := made(t.Context(), t, t.TempDir(), plan...)
	if err != nil {
		t.Fatal(err)
	}
	scores, err := table.Open[table.Score](dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	if err := json.Unmarshal([]byte(scores.Meta()["attributes"]), &names); err != nil || !slices.Equal(names, objectives[:]) {
		t.Errorf("attributes are %v (%v)", names, err)
	}
	o, err := ReadOrigin(scores.Meta())
	if err != nil || !regexp.MustCompile(`^armorm [0-9a-f]{8}$`).MatchString(o.Ranker) || len(o.Samples) != 16 || len(o.Attributes) != 19 {
		t.Errorf("the scores are of %+v, %v; want the kind and the model's fingerprint, and a digest", o, err)
	}
	i := 0
	for r, err := range scores.Rows() {
		if err != nil {
			t.Fatal(err)
		}
		if id := fmt.Sprintf("p%02d", i/3); r.PromptID != id || int(r.Sample) != i%3 {
			t.Errorf("row %d is sample %d of %s, want %d of %s", i, r.Sample, r.PromptID, i%3, id)
		}
		if len(r.Attributes) != 19 || len(r.Gating) != 19 || r.Score != 0 || len(r.Levels) != 0 {
			t.Errorf("row %d: %+v", i, r)
		}
		i++
	}
	if i != 210 {
		t.Errorf("%d rows, want 210", i)
	}

	part := filepath.Join(broken, "work", "*", "parts", "segment-000000")
	if _, err := made(until{t.Context(), part}, t, broken, plan...); !errors.Is(err, flow.ErrInterrupted) {
		t.Fatalf("got %v, want an interruption", err)
	}
	resumed, err := made(t.Context(), t, broken, plan...)
	if err != nil {
		t.Fatal(err)
	}
	if bytesOf(t, resumed) != bytesOf(t, dir) {
		t.Error("the resumed table has other bytes")
	}
}

// undecided scores every response NaN.
type undecided struct{}

func (undecided) Names() []string { return nil }

func (undecided) Rank(_ context.Context, _ *torch.Scope, requests []Request) ([][]Rating, error) {
	out := make([][]Rating, len(requests))
	for i, r := range requests {
		out[i] = slices.Repeat([]Rating{{Score: math.NaN()}}, len(r.Responses))
	}
	return out, nil
}

// TestNonFinite: such a score is an error, or is kept for the stages behind to
// leave out.
func TestNonFinite(t *testing.T) {
	stage := flow.Kind[Config]{Name: "rank", Run: func(ctx context.Context, c Config, in flow.In, out *flow.Out) error {
		samples, err := table.ReadAll[table.Sample](in.At(1))
		if err != nil {
			return err
		}
		requests, err := join(in.At(0), samples)
		if err != nil {
			return err
		}
		parts, err := c.segments(ctx, nil, undecided{}, requests, samples, out)
		if err != nil {
			return err
		}
		return gather(ctx, parts, Origin{Ranker: "undecided"}, out.Dir())
	}}
	plan := ranking(t, 2)[:2]
	_, err := made(t.Context(), t, t.TempDir(), append(plan, stage.With(Config{Ranker: configs.Ranker{NonFinite: "fail"}}, "raw", "prompts", "samples"))...)
	if err == nil || !strings.Contains(err.Error(), "prompt p00: the score of sample 0 is NaN") {
		t.Errorf("got %v", err)
	}
	dir, err := made(t.Context(), t, t.TempDir(), append(plan, stage.With(Config{Ranker: configs.Ranker{NonFinite: "drop"}}, "raw", "prompts", "samples"))...)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := table.ReadAll[table.Score](dir)
	if err != nil || len(rows) != 6 || !math.IsNaN(rows[5].Raw) {
		t.Errorf("got %v, %v", rows, err)
	}
}

func bytesOf(t *testing.T, dir string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "data-00000-of-00001.arrow"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestSampleOfNoPrompt names both.
func TestSampleOfNoPrompt(t *testing.T) {
	plan := ranking(t, 2)
	plan[1] = flow.Source("samples", create(t, []table.Sample{{PromptID: "p00"}, {PromptID: "x"}}))
	if _, err := made(t.Context(), t, t.TempDir(), plan...); err == nil || !strings.Contains(err.Error(), "sample 1 is of prompt x, which the prompts table lacks") {
		t.Errorf("got %v", err)
	}
}

// scaled maps rows by a configuration and, unless it is empty, the maps of the
// table at fitted.
func scaled(t *testing.T, rows []table.Score, fitted string, c ScaleConfig) (string, error) {
	t.Helper()
	plan := []flow.Stage{flow.Source("raw", create(t, rows))}
	if fitted == "" {
		return made(t.Context(), t, t.TempDir(), append(plan, Scale.With(c, "scores", "raw"))...)
	}
	return made(t.Context(), t, t.TempDir(), append(plan, flow.Source("first", fitted), Scale.With(c, "scores", "raw", "first"))...)
}

// TestScaleStage fits maps in the first table and keeps them in the second.
func TestScaleStage(t *testing.T) {
	c := ScaleConfig{Scale: configs.Scale{Method: "minmax", Scope: "first-iteration", Low: 1, High: 10}, Ranker: "rule"}
	first, err := scaled(t, scores(0, 1, 2), "", c)
	if err != nil {
		t.Fatal(err)
	}
	second, err := scaled(t, scores(-1, 1, 5), first, c)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := table.ReadAll[table.Score](second)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{1, 5.5, 10} {
		if rows[i].Score != want {
			t.Errorf("row %d is %v, want %v", i, rows[i].Score, want)
		}
	}
	got := scalingOf(t, second)
	if of := got.Columns[0]; of.ClippedLow != 1 || of.ClippedHigh != 1 || got.Fitted != 3 || got.Maps[0].To != 2 {
		t.Errorf("got %+v", got)
	}
	if d := got.Drift; math.Abs(d.Raw.Mean-2./3) > 1e-9 || d.Raw.Max != 3 || d.Mapped.Mean != 0 {
		t.Errorf("drift %+v", d)
	}
	if first := scalingOf(t, first); first.Drift.Raw != (Spread{}) || first.Fitted != 3 {
		t.Errorf("the first table has %+v", first)
	}
}

func scalingText(t *testing.T, dir string) string {
	t.Helper()
	of, err := table.Open[table.Score](dir)
	if err != nil {
		t.Fatal(err)
	}
	return of.Meta()[scaling]
}

func scalingOf(t *testing.T, dir string) Scaling {
	t.Helper()
	s, err := ReadScaling(map[string]string{scaling: scalingText(t, dir)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestScalePerPrompt maps zero-sum scores, as PairRM's, each prompt by its own
// range: the best is 10 everywhere. One without a score gets none.
func TestScalePerPrompt(t *testing.T) {
	rows := scores(-.1, .1, -3, 0, 3, math.NaN(), math.NaN())
	for i, p := range []string{"a", "a", "b", "b", "b", "b", "c"} {
		rows[i].PromptID = p
	}
	c := ScaleConfig{Scale: configs.Scale{Method: "minmax", Scope: "per-prompt", Low: 1, High: 10}, Ranker: "rule", NonFinite: "drop"}
	dir, err := scaled(t, rows, "", c)
	if err != nil {
		t.Fatal(err)
	}
	got, err := table.ReadAll[table.Score](dir)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{1, 10, 1, 5.5, 10, math.NaN(), math.NaN()} {
		if got[i].Score != want && !(math.IsNaN(got[i].Score) && math.IsNaN(want)) {
			t.Errorf("row %d is %v, want %v", i, got[i].Score, want)
		}
	}
	if s := scalingOf(t, dir); s.NonFinite() != 2 || s.Prompts != 3 || len(s.Maps) != 0 || s.Fitted != 5 {
		t.Errorf("got %+v", s)
	}
	c.NonFinite = "fail"
	if _, err := scaled(t, rows, "", c); err == nil || !strings.Contains(err.Error(), "prompt b: the score of sample 0 is NaN") {
		t.Errorf("got %v", err)
	}
}

// TestScaleStageRefuses maps that were fitted to something else.
func TestScaleStageRefuses(t *testing.T) {
	c := ScaleConfig{Scale: configs.Scale{Method: "minmax", Scope: "first-iteration", Low: 1, High: 10}, Ranker: "rule"}
	plain, err := scaled(t, scores(0, 1), "", c)
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "other")
	text := strings.Replace(scalingText(t, plain), `"ranker":""`, `"ranker":"armorm 0a1b2c3d"`, 1)
	if err := table.WriteAll(other, map[string]string{scaling: text}, scores(0, 1)); err != nil {
		t.Fatal(err)
	}
	c.Scope = "per-prompt"
	alone, err := scaled(t, scores(0, 1), "", c)
	if err != nil {
		t.Fatal(err)
	}
	c.Scope = "first-iteration"
	more := c
	more.Attributes = rule{}.Names()[:1]
	for name, tt := range map[string]struct {
		c      ScaleConfig
		fitted string
		want   string
	}{
		"other attributes": {more, plain, "its maps are of [score], wanted are those of [score " + more.Attributes[0] + "]"},
		"per prompt":       {c, alone, "its maps are of []"},
		"raw":              {c, create(t, scores(0, 1)), "has no scaling in its metadata"},
		"another ranker":   {c, other, "its maps were fitted to scores by armorm 0a1b2c3d, these are by "},
	} {
		if _, err := scaled(t, scores(0, 1), tt.fitted, tt.c); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", name, err, tt.want)
		}
	}
}
