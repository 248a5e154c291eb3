package eval_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"reflect"
	"strings"
	"testing"

	"radpo/eval"
)

func TestMTScore(t *testing.T) {
	for text, want := range map[string]float64{
		"Rating: [[7]]":                       7,
		"[[7.5]] and then [[9]]":              7.5,
		"[[10]]":                              10,
		"[[8.]]":                              8,
		"single [6] brackets":                 6,
		"[3] first, but [[4]] counts":         4,
		"[[ 7 ]]":                             -1,
		"[[-7]]":                              -1,
		"[[seven]]":                           -1,
		"7/10":                                -1,
		"":                                    -1,
		"[[7":                                 -1,
		"[7]]":                                7,
		strings.Repeat("[", 1<<16) + "5]":     5,
		"[[" + strings.Repeat("9", 400) + "]": math.Inf(-1), // no number: neither form
	} {
		if want == math.Inf(-1) {
			want = -1
		}
		if got := eval.MTScore(text); got != want {
			t.Errorf("MTScore(%.40q) = %v, want %v", text, got, want)
		}
	}
}

func TestVerdict(t *testing.T) {
	tests := []struct {
		reply   string
		v01, v2 string
		again   bool // v0.1 asks once more
	}{
		{"My final verdict is: [[A>>B]]", "A>>B", "A>>B", false},
		{"[[A=B]]", "A=B", "A=B", false},
		{"[[A>B]] … [[A>B]]", "A>B", "A>B", false},
		{"[[A>B]] no, [[B>A]]", "", "B>A", false},
		{"[[B>>A]] then [A>B]", "B>>A", "B>>A", false},
		{"[A>B]", "", "A>B", true},
		{"[a>b]", "", "A>B", true},
		{"[[a>>b]]", "", "A>>B", true},
		{"[[B<<A]]", "", "B<<A", false}, // v0.1 counts no mirrored label
		{"[[B=A]]", "", "B=A", false},
		{"[[A]]", "", "", false},
		{"[[A>B", "", "", true},
		{"[[ A>B ]]", "", "", true},
		{"A is better", "", "", true},
		{"", "", "", true},
	}
	for _, test := range tests {
		got, again := eval.ArenaV01.Verdict(test.reply)
		if got != test.v01 || again != test.again {
			t.Errorf("v0.1 %q: got %q, again %v, want %q, %v", test.reply, got, again, test.v01, test.again)
		}
		if got, again := eval.ArenaV2.Verdict(test.reply); got != test.v2 || again {
			t.Errorf("v2 %q: got %q, again %v, want %q", test.reply, got, again, test.v2)
		}
	}
}

// judged is a judgment with two labels; "" is none.
func judged(model, uid string, labels ...string) eval.ArenaJudgment {
	j := eval.ArenaJudgment{UID: eval.ID(uid), Model: model, Judge: "judge"}
	for _, l := range labels {
		g := &eval.ArenaGame{}
		if l != "" {
			g.Score = &l
		}
		j.Games = append(j.Games, g)
	}
	return j
}

// TestArenaExample: fourteen copies with a sum of eight.
func TestArenaExample(t *testing.T) {
	in := eval.Arena{Rules: eval.ArenaV01}
	for i, labels := range [][]string{{"A>B", "B>A"}, {"A=B", "A=B"}, {"B>>A", "A>>B"}, {"A>>B", "A>B"}} {
		in.Questions = append(in.Questions, eval.ArenaQuestion{UID: eval.ID(fmt.Sprint(i)), Prompt: "?"})
		in.Judgments = append(in.Judgments, judged("m", fmt.Sprint(i), labels...))
	}
	scores, err := in.Scores()
	if err != nil {
		t.Fatal(err)
	}
	m := scores[0].Result.Metrics
	for name, want := range map[string]float64{"win_rate": 800.0 / 14, "elo": 1000 + 400*math.Log10(8.0/6), "inconsistent": 0.25, "failed_games": 0, "question_win_rate": (0 + 50 + 100 + 25) / 4.0} {
		if got := m[name].Value; math.Abs(got-want) > 1e-9 {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
	if ci := m["win_rate"].CI; !(ci[0] < m["win_rate"].Value && m["win_rate"].Value < ci[1]) {
		t.Errorf("interval %v", ci)
	}
}

// TestArenaNull: v2 drops the question, v0.1 the game.
func TestArenaNull(t *testing.T) {
	in := eval.Arena{
		Questions: []eval.ArenaQuestion{{UID: "1", Prompt: "?"}, {UID: "2", Prompt: "?"}},
		Judgments: []eval.ArenaJudgment{judged("m", "1", "A", "A>B"), judged("m", "2", "A>B", "B>A")},
	}
	for rules, want := range map[eval.ArenaRules]float64{eval.ArenaV01: 100.0 / 3, eval.ArenaV2: 0} {
		in.Rules = rules
		scores, err := in.Scores()
		if err != nil {
			t.Fatal(err)
		}
		if got := scores[0].Result.Metrics["win_rate"].Value; math.Abs(got-want) > 1e-9 {
			t.Errorf("%s: got %v, want %v", rules, got, want)
		}
		if got := scores[0].Result.Metrics["failed_games"].Value; got != 0.5 {
			t.Errorf("%s: failed games %v", rules, got)
		}
	}
}

type arenaGolden struct {
	Judgments []struct {
		UID, Model string
		Labels     [2]string
	}
	Styles   map[string]map[string][4]int
	Expected map[eval.ArenaRules]map[string]struct {
		WinRate    float64 `json:"win_rate"`
		Elo        float64
		Style      float64   `json:"style_win_rate"`
		Weights    []float64 `json:"style"`
		LengthOnly float64   `json:"style_length_only"`
	}
}

func (g arenaGolden) arena(rules eval.ArenaRules) eval.Arena {
	in := eval.Arena{Rules: rules, Control: []string{"length", "markdown"}, Styles: map[string]map[string]eval.ArenaStyle{}}
	for who, by := range g.Styles {
		in.Styles[who] = map[string]eval.ArenaStyle{}
		for uid, c := range by {
			in.Styles[who][uid] = eval.ArenaStyle{Tokens: c[0], Headers: map[string]int{"h1": c[1]}, Lists: map[string]int{"ordered": c[2]}, Bold: map[string]int{"**": c[3]}}
		}
	}
	in.Base = in.Styles["base"]
	for uid := range g.Styles["base"] {
		in.Questions = append(in.Questions, eval.ArenaQuestion{UID: eval.ID(uid), Prompt: "?"})
	}
	for _, j := range g.Judgments {
		in.Judgments = append(in.Judgments, judged(j.Model, j.UID, j.Labels[:]...))
	}
	return in
}

// TestArenaEqualsScikitLearn holds win rates and style control to
// tools/golden/arenahard.py: 1e-5 of a point, which is what its solver leaves.
func TestArenaEqualsScikitLearn(t *testing.T) {
	var g arenaGolden
	readJSON(t, "testdata/arenahard.json", &g)
	for rules, models := range g.Expected {
		in := g.arena(rules)
		all, err := in.Scores()
		if err != nil {
			t.Fatal(err)
		}
		in.Control = []string{"length"}
		short, err := in.Scores()
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range all {
			m, want := s.Result.Metrics, models[s.Result.Model]
			for name, want := range map[string]float64{
				"win_rate": want.WinRate, "elo": want.Elo, "style_win_rate": want.Style,
				"style/length": want.Weights[0], "style/headers": want.Weights[1], "style/lists": want.Weights[2], "style/bold": want.Weights[3],
			} {
				if got := m[name].Value; !(math.Abs(got-want) <= 1e-5) {
					t.Errorf("%s %s %s: got %v, want %v", rules, s.Result.Model, name, got, want)
				}
				if c := m[name]; !(c.SE > 0 && c.CI[0] < c.Value && c.Value < c.CI[1]) {
					t.Errorf("%s %s %s: %+v", rules, s.Result.Model, name, c)
				}
			}
			if got := short[i].Result.Metrics["style_win_rate"].Value; !(math.Abs(got-want.LengthOnly) <= 1e-5) {
				t.Errorf("%s %s, length alone: got %v, want %v", rules, s.Result.Model, got, want.LengthOnly)
			}
		}
	}
}

// TestArenaRepeats: the bootstrap has a seed; upstream's draws games.
func TestArenaRepeats(t *testing.T) {
	var g arenaGolden
	readJSON(t, "testdata/arenahard.json", &g)
	in := g.arena(eval.ArenaV01)
	in.UpstreamCI = true
	var runs [2][]eval.ArenaScore
	for i := range runs {
		var err error
		if runs[i], err = in.Scores(); err != nil {
			t.Fatal(err)
		}
	}
	if !reflect.DeepEqual(runs[0], runs[1]) {
		t.Error("two runs differ")
	}
	in.UpstreamCI = false
	ours, err := in.Scores()
	if err != nil {
		t.Fatal(err)
	}
	for k := range ours {
		a, b := runs[0][k].Result.Metrics["win_rate"], ours[k].Result.Metrics["win_rate"]
		if a.Value != b.Value || a.SE > 0.9*b.SE {
			t.Errorf("upstream %+v, by question %+v: want copies of one verdict to look like evidence", a, b)
		}
	}
}

// TestArenaOneSided: a model that wins everything has a rate, and no rating.
func TestArenaOneSided(t *testing.T) {
	for _, rules := range []eval.ArenaRules{eval.ArenaV01, eval.ArenaV2} {
		in := eval.Arena{Rules: rules, Control: []string{"length", "markdown"}, Styles: map[string]map[string]eval.ArenaStyle{"m": {}}, Base: map[string]eval.ArenaStyle{}}
		for i := range 5 {
			uid := fmt.Sprint(i)
			in.Questions = append(in.Questions, eval.ArenaQuestion{UID: eval.ID(uid), Prompt: "?"})
			in.Judgments = append(in.Judgments, judged("m", uid, "B>>A", "A>>B"))
			in.Styles["m"][uid], in.Base[uid] = eval.ArenaStyle{Tokens: 10 * i}, eval.ArenaStyle{}
		}
		scores, err := in.Scores()
		if err != nil {
			t.Fatal(err)
		}
		r := scores[0].Result
		if m := r.Metrics["win_rate"]; m.Value != 100 || m.CI != [2]float64{100, 100} {
			t.Errorf("%s: %+v", rules, m)
		}
		if m := r.Metrics["style_win_rate"]; !(m.Value > 75 && m.Value <= 100) {
			t.Errorf("%s: style %+v", rules, m)
		}
		if err := r.Write(t.TempDir()+"/r.json", scores[0].Items); err != nil {
			t.Error(err)
		}
	}
}

// TestMarkdownOf: counts that Python's re gives with Arena-Hard's patterns.
func TestMarkdownOf(t *testing.T) {
	tests := map[string][3]int{ // headers, lists, bold
		"# One\n## Two\n####### Seven\n#none":             {2, 0, 0},
		"1. a\n 2. b\n- c\n* d\n+ e\n-f\n10.g":            {0, 5, 0},
		"**bold** __too__ **not\nthis** ** * **":          {0, 0, 3},
		"# real\n```\n# code\n- code\n**x**\n```\n- list": {1, 1, 0},
		"1.\u00a0a\n\u3000- b":                            {0, 2, 0},
		"":                                                {0, 0, 0},
	}
	for text, want := range tests {
		s := eval.MarkdownOf(text)
		var got [3]int
		for i, m := range []map[string]int{s.Headers, s.Lists, s.Bold} {
			for _, n := range m {
				got[i] += n
			}
		}
		if got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}

func TestMTBenchResult(t *testing.T) {
	in := eval.MTBench{Questions: []eval.MTQuestion{{ID: "81", Category: "writing", Turns: []string{"a", "b"}}, {ID: "101", Category: "math", Turns: []string{"a", "b"}}}}
	for _, j := range []struct {
		id    eval.ID
		turn  int
		score float64
	}{{"81", 1, 8}, {"81", 2, 6}, {"101", 1, 3}, {"101", 2, -1}} {
		in.Judgments = append(in.Judgments, eval.MTJudgment{ID: j.id, Model: "m", Judge: []string{"gpt", "single-v1"}, Score: &j.score, Turn: j.turn})
	}
	r, items, err := in.Result()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]float64{"average": 17.0 / 3, "turn_1": 5.5, "turn_2": 6, "category/writing": 7, "category/math": 3, "failed": 0.25} {
		if got := r.Metrics[name].Value; math.Abs(got-want) > 1e-12 {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
	if len(items) != 4 || items[0].ID != "81/1" || items[0].Cluster != "81" || items[1].Cluster != "81" {
		t.Errorf("items %+v", items)
	}
	// Of two questions the draws of the first turn are 8, 5.5 and 3.
	if ci := r.Metrics["turn_1"].CI; ci != [2]float64{3, 8} {
		t.Errorf("interval %v", ci)
	}
	in.Judgments[0].ID = "7"
	if _, _, err := in.Result(); err == nil || !strings.Contains(err.Error(), "question 7") {
		t.Errorf("got %v", err)
	}
}

func TestIDs(t *testing.T) {
	for text, want := range map[string]string{`81`: `81`, `"81"`: `81`, `"0a1"`: `"0a1"`, `"081"`: `"081"`, `1e3`: `"1e3"`} {
		var id eval.ID
		if err := json.Unmarshal([]byte(text), &id); err != nil {
			t.Fatal(err)
		}
		if got, _ := json.Marshal(id); string(got) != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
	for _, text := range []string{`true`, `[1]`, `{}`} {
		var id eval.ID
		if err := json.Unmarshal([]byte(text), &id); err == nil {
			t.Errorf("%s is %q", text, id)
		}
	}
}

// FuzzArena: no line of Arena-Hard's or MT-Bench's files makes a reader panic.
func FuzzArena(f *testing.F) {
	f.Add(`{"uid": "1", "model": "m", "games": [{"score": "A>B", "judgment": {"answer": "x"}}, null], "messages": [{"content": {"answer": "a"}}], "metadata": {"token_len": 3, "bold_count": 2}}`)
	f.Add(`{"question_id": 81, "choices": [{"turns": [{"content": "a"}]}], "games": [{"score": null}, {"score": "[[A]]"}], "turns": ["a"], "category": "math"}`)
	f.Fuzz(func(t *testing.T, text string) {
		var a eval.ArenaAnswer
		if json.Unmarshal([]byte(text), &a) == nil && a.Check() == nil {
			a.Text()
		}
		var q eval.ArenaQuestion
		if json.Unmarshal([]byte(text), &q) == nil && q.Check() == nil {
			q.Text()
		}
		var j eval.ArenaJudgment
		if json.Unmarshal([]byte(text), &j) == nil && j.Check() == nil {
			for _, rules := range []eval.ArenaRules{eval.ArenaV01, eval.ArenaV2} {
				in := eval.Arena{Rules: rules, Questions: []eval.ArenaQuestion{{UID: eval.ID(j.Key())}}, Judgments: []eval.ArenaJudgment{j}}
				if _, err := in.Scores(); err != nil {
					t.Error(err)
				}
			}
		}
		eval.MTScore(text)
		eval.ArenaV2.Verdict(text)
		eval.MarkdownOf(text)
	})
}

func readJSON(t *testing.T, path string, v any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, v)
	}
	if err != nil {
		t.Fatal(err)
	}
}
