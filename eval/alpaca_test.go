package eval_test

import (
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"radpo/eval"
	"radpo/internal/table"
)

// published is AlpacaEval's own data (CC BY-NC 4.0), which is not in the
// repository.
const published = "../../shared/data/alpaca_eval"

// publishedRows reads a CSV file of it as a map of columns a row.
func publishedRows(t testing.TB, name string) []map[string]string {
	t.Helper()
	f, err := os.Open(filepath.Join(published, name))
	if os.IsNotExist(err) {
		t.Skipf("AlpacaEval's published data are not in %s", published)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string]string
	for _, values := range lines[1:] {
		row := map[string]string{}
		for i, v := range values {
			row[lines[0][i]] = v
		}
		out = append(out, row)
	}
	return out
}

func number(t testing.TB, text string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// publishedModels are annotations with texts of the right lengths.
func publishedModels(t testing.TB) map[string]eval.Alpaca {
	t.Helper()
	rows := publishedRows(t, "annotations.csv")
	difficulty, err := table.ReadDifficulties(filepath.Join(published, "instructions.csv"))
	if err != nil {
		t.Fatal(err)
	}
	gamed, err := table.ReadGamed(filepath.Join(published, "gamed_baseline.csv"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]eval.Alpaca{}
	for _, r := range rows {
		in := out[r["model"]]
		in.Difficulty, in.Gamed = difficulty, gamed
		in.Rows = append(in.Rows, table.Annotation{
			At: r["model"] + r["row"], Generator1: "gpt4_1106_preview", Generator2: r["model"],
			Output1: strings.Repeat("x", int(number(t, r["len_1"]))), Output2: strings.Repeat("x", int(number(t, r["len_2"]))),
			Preference: number(t, r["preference"]),
		})
		out[r["model"]] = in
	}
	return out
}

// TestAlpacaPublished holds leaderboard rows to the published ones: T1 and T5
// of the specification.
func TestAlpacaPublished(t *testing.T) {
	models := publishedModels(t)
	for _, want := range publishedRows(t, "leaderboard_published.csv") {
		name := want["model"]
		in := models[name]
		in.Draws = 50
		got, err := eval.AlpacaEval(in)
		if err != nil {
			t.Fatal(err)
		}
		column := func(name string, got, tolerance float64) {
			t.Helper()
			if d := math.Abs(got - number(t, want[name])); !(d <= tolerance) {
				t.Errorf("%s: %s %v, published %s", want["model"], name, got, want[name])
			}
		}
		column("win_rate", got.WinRate, 1e-9)
		column("standard_error", got.StandardError, 1e-9)
		column("n_wins", float64(got.Wins), 0)
		column("n_wins_base", float64(got.BaseWins), 0)
		column("n_draws", float64(got.Draws), 0)
		column("n_total", float64(got.Total), 0)
		column("discrete_win_rate", got.Discrete, 1e-9)
		if len(models[name].Rows) == 805 { // else it is the whole outputs file's
			column("avg_length", float64(got.Length), 0)
		}
		column("length_controlled_winrate", got.Controlled, 0.15)
		if b := got.LCBootstrap; name != "gpt4_1106_preview" && !(b.Lo < got.Controlled && got.Controlled < b.Hi && b.Error > 0) {
			t.Errorf("%s: %v has the interval %+v", name, got.Controlled, b)
		}
	}
}

// TestAlpacaPrediction: published weights give the published rate, T2.
func TestAlpacaPrediction(t *testing.T) {
	models := publishedModels(t)
	want := map[string]map[string]string{}
	for _, row := range publishedRows(t, "leaderboard_published.csv") {
		want[row["model"]] = row
	}
	for _, row := range publishedRows(t, "glm_weights_published.csv") {
		name := row["model"]
		if name == "NullModel" { // its two published artefacts are of different fits
			continue
		}
		w := eval.LengthWeights{Length: number(t, row["w_len"]), Difficulty: number(t, row["w_difficulty"]), Model: number(t, row["w_model"])}
		mean := 0.0
		for i := range models[name].Rows {
			mean += 100 * w.Probability(models[name].Difficulty[i].Value) / float64(len(models[name].Rows))
		}
		// The published weights of phi-2, of 803 rows, are of another fit too.
		tolerance := 1e-6
		if len(models[name].Rows) < 805 {
			tolerance = 0.01
		}
		if d := math.Abs(mean - number(t, want[name]["length_controlled_winrate"])); d > tolerance {
			t.Errorf("%s: %v, published %s", name, mean, want[name]["length_controlled_winrate"])
		}
	}
}

// TestAlpacaFit holds fits at given C to the exact optimum, T3, and to the
// published rate at the C that it was fitted with, T4.
func TestAlpacaFit(t *testing.T) {
	models := publishedModels(t)
	text, err := os.ReadFile(filepath.Join(published, "expected_lc.json"))
	if err != nil {
		t.Fatal(err)
	}
	var expected struct {
		Models map[string]struct {
			ByC map[string]struct {
				Length     float64 `json:"w_len"`
				Difficulty float64 `json:"w_difficulty"`
				Model      float64 `json:"w_model"`
				Rate       float64 `json:"lc_winrate"`
				Error      float64 `json:"lc_standard_error"`
			} `json:"by_C"`
		}
	}
	if err := json.Unmarshal(text, &expected); err != nil {
		t.Fatal(err)
	}
	fits := 0
	for name, m := range expected.Models {
		for c, want := range m.ByC {
			in := models[name]
			in.C = number(t, c)
			got, err := eval.AlpacaEval(in)
			if err != nil {
				t.Fatal(err)
			}
			fits++
			worst := max(math.Abs(got.Controlled-want.Rate), math.Abs(got.ControlledError-want.Error), math.Abs(got.Weights.Length-want.Length),
				math.Abs(got.Weights.Difficulty-want.Difficulty), math.Abs(got.Weights.Model-want.Model))
			if !(worst <= 1e-6) {
				t.Errorf("%s at C=%s: off by %.3g: got %+v, want %+v", name, c, worst, got, want)
			}
		}
	}
	if fits == 0 {
		t.Error("expected_lc.json holds no fit")
	}
}
