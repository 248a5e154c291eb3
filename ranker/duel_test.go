package ranker

import (
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestFirstWins holds the log-prob parser to AlpacaEval's stored preferences, T6
// of the specification.
func TestFirstWins(t *testing.T) {
	text, err := os.ReadFile("../../shared/data/alpaca_eval/judge_logprob_vectors.json")
	if os.IsNotExist(err) {
		t.Skip("AlpacaEval's published data are not in ../../shared/data/alpaca_eval")
	}
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Top        [][2]any `json:"top_logprobs"`
		Index      int
		Switched   bool
		Preference float64
	}
	if err := json.Unmarshal(text, &vectors); err != nil || len(vectors) == 0 {
		t.Fatal(len(vectors), err)
	}
	coins := publishedCoins(t)
	for i, v := range vectors {
		var top []likely
		for _, entry := range v.Top {
			top = append(top, likely{entry[0].(string), entry[1].(float64)})
		}
		p := firstWins(top)
		if v.Switched {
			p = 1 - p
		}
		if got := 2 - p; !(math.Abs(got-v.Preference) <= 1e-8) {
			t.Errorf("vector %d: got %v, want %v", i, got, v.Preference)
		}
		if coins[v.Index] != v.Switched {
			t.Errorf("vector %d: the coin of instruction %d is not the table's", i, v.Index)
		}
	}
}

func publishedCoins(t *testing.T) []bool {
	t.Helper()
	f, err := os.Open("../../shared/data/alpaca_eval/instructions.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var out []bool
	for _, r := range rows[1:] {
		out = append(out, r[5] == "1")
	}
	return out
}

// TestSwitched: coins that Python 3.11 gives; the published instructions are
// known by their hashes alone.
func TestSwitched(t *testing.T) {
	for instruction, want := range switchedByPython {
		if got := Switched(instruction); got != want {
			t.Errorf("Switched(%q) = %v, want %v", instruction, got, want)
		}
	}
}

func TestParseChatML(t *testing.T) {
	got := parseChatML("<|im_start|>system\nBe fair.\n<|im_end|>\n<|im_start|>user\n{instruction}\n\nm or M\n<|im_end|>")
	if d := cmp.Diff(got, []turn{{"system", "Be fair."}, {"user", "{instruction}\n\nm or M"}}); d != "" {
		t.Errorf("-got +want:\n%s", d)
	}
	if d := cmp.Diff(parseChatML("plain"), []turn{{"user", "plain"}}); d != "" {
		t.Errorf("-got +want:\n%s", d)
	}
	if !math.IsNaN(firstWins([]likely{{"Both", -1}})) {
		t.Error("a reply that names neither has a preference")
	}
}

var switchedByPython = map[string]bool{
	"":                       false,
	"a":                      true,
	"What is 1 plus 2?":      true,
	"Hello":                  false,
	"Grüße":                  true,
	"日本語":                    false,
	"Who are you?":           true,
	"Say hello":              false,
	strings.Repeat("x", 500): true,
	"😀":                      true,
}
