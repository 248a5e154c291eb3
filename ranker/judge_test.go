package ranker

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"radpo/configs"
	"radpo/internal/table"
)

func saying(text string) choice {
	var c choice
	c.Message.Content = text
	return c
}

func TestVerdicts(t *testing.T) {
	for _, tt := range []struct {
		name string
		read verdict
		text string
		want float64 // NaN: none
	}{
		{"rating", stated, "Good. [[7]]", 7},
		{"rating with a fraction", stated, "[[ 7.5 ]]", 7.5},
		{"last rating", stated, "It says [[10]] of itself. [[2]]", 2},
		{"rating of ten", stated, "[[10]]", 10},
		{"rating below", stated, "[[0]]", math.NaN()},
		{"rating above", stated, "[[11]]", math.NaN()},
		{"huge rating", stated, "[[" + strings.Repeat("9", 400) + "]]", math.NaN()},
		{"negative rating", stated, "[[-3]]", math.NaN()},
		{"rating in words", stated, "Rating: 7", math.NaN()},
		{"single brackets", stated, "[7]", math.NaN()},
		{"nothing", stated, "", math.NaN()},
		{"A", preferred, "so [[A]]", 1},
		{"B", preferred, "[[B]]", 0},
		{"tie", preferred, "[[C]]", 0.5},
		{"last preference", preferred, "[[A]] seems better at first. [[B]]", 0},
		{"no preference", preferred, "A is better", math.NaN()},
		{"another letter", preferred, "[[D]]", math.NaN()},
	} {
		got, ok := tt.read(saying(tt.text))
		if ok == math.IsNaN(tt.want) || ok && got != tt.want {
			t.Errorf("%s: got %v %v, want %v", tt.name, got, ok, tt.want)
		}
	}
}

func likelihoods(pairs ...any) choice {
	var c choice
	c.Logprobs = &logprobs{}
	c.Logprobs.Content = append(c.Logprobs.Content, struct {
		Top []likely `json:"top_logprobs"`
	}{})
	for i := 0; i < len(pairs); i += 2 {
		l := likely{pairs[i].(string), math.Log(pairs[i+1].(float64))}
		c.Logprobs.Content[0].Top = append(c.Logprobs.Content[0].Top, l)
	}
	return c
}

// TestExpected is the mean by hand.
func TestExpected(t *testing.T) {
	for _, tt := range []struct {
		name string
		c    choice
		want float64
	}{
		{"certain", likelihoods("7", 1.0), 7},
		{"two", likelihoods("7", 0.6, "8", 0.2), (7*0.6 + 8*0.2) / 0.8},
		{"with a blank", likelihoods("7", 0.3, " 7", 0.3, "3", 0.3), (7*0.6 + 3*0.3) / 0.9},
		{"others left out", likelihoods("The", 0.3, "5", 0.6, "10", 0.05, "0", 0.01), 5},
		{"about to say something else", likelihoods("The", 0.9, "5", 0.1), math.NaN()},
		{"impossible", likelihoods("5", 3.0), math.NaN()},
		{"nothing", choice{}, math.NaN()},
	} {
		got, ok := expected(tt.c)
		if ok == math.IsNaN(tt.want) || ok && math.Abs(got-tt.want) > 1e-12 {
			t.Errorf("%s: got %v %v, want %v", tt.name, got, ok, tt.want)
		}
	}
}

func FuzzVerdicts(f *testing.F) {
	for _, seed := range []string{"[[7]]", "[[A]]", "[[[[1.]]", "[[1e9]]", "[[ ]]"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if v, ok := stated(saying(text)); ok && !(v >= 1 && v <= 10) {
			t.Errorf("%q rates %v", text, v)
		}
		if v, ok := preferred(saying(text)); ok && !(v >= 0 && v <= 1) {
			t.Errorf("%q prefers %v", text, v)
		}
	})
}

// reply is a chat completion.
func reply(text string) string {
	b, _ := json.Marshal(map[string]any{"choices": []any{map[string]any{"message": map[string]string{"role": "assistant", "content": text}}}})
	return string(b)
}

// between is what of a question stands between two of its lines.
func between(asked chatRequest, from, to string) string {
	text := asked.Messages[len(asked.Messages)-1].Content
	_, text, _ = strings.Cut(text, from)
	text, _, _ = strings.Cut(text, to)
	return strings.TrimSpace(text)
}

func judging(t *testing.T, method string, say func(chatRequest) string, change ...func(*configs.Ranker)) (Ranker, *recorder) {
	t.Helper()
	s := record(t, func(path, body string) string {
		var asked chatRequest
		if err := json.Unmarshal([]byte(body), &asked); err != nil || path != chatPath {
			t.Errorf("%s was asked %s: %v", path, body, err)
		}
		return say(asked)
	})
	return asker(t, s.URL+"/v1", func(c *configs.Ranker) {
		c.Kind, c.Remote.Model, c.Judge.Method, c.Remote.Cache = "judge", "gpt", method, t.TempDir()
		for _, f := range change {
			f(c)
		}
	}), s
}

var someAnswers = []string{"a", "four {question}", "to be", "a", "[[A]] and {answer_b}"}

// TestJudgeScore: each different answer is asked of once, as it stands.
func TestJudgeScore(t *testing.T) {
	r, s := judging(t, "score", func(q chatRequest) string {
		if q.Model != "gpt" || q.Temperature != 0 || q.MaxTokens != 1024 || len(q.Messages) != 2 || q.Messages[0].Role != "system" {
			t.Errorf("asked %+v", q)
		}
		if got := between(q, "[The user]", "[The answer]"); got != "what is {answer}?" {
			t.Errorf("the user is %q", got)
		}
		return reply(fmt.Sprintf("so be it [[%d]]", min(10, len(between(q, "[The answer]", "[End of the answer]")))))
	})
	ratings := rank(t, nil, r, Request{Messages: asking("what is {answer}?"), Responses: someAnswers})[0]
	var counts Counts
	counts.count(Request{Responses: someAnswers}, ratings)
	if counts.Answers != 4 || counts.Unparsed != 0 || len(s.asked) != 4 {
		t.Errorf("%d requests, counted %+v", len(s.asked), counts)
	}
	for i, want := range []float64{1, 10, 5, 1, 10} {
		if ratings[i].Score != want {
			t.Errorf("%q scores %v, want %v", someAnswers[i], ratings[i].Score, want)
		}
	}
	again := rank(t, nil, r, Request{Messages: asking("what is {answer}?"), Responses: someAnswers})[0]
	if len(s.asked) != 4 || again[1].Score != 10 {
		t.Errorf("asked again: %d requests", len(s.asked))
	}
}

// TestJudgeAskedAgain: one without a verdict is asked again with another seed;
// what has none then is an error or, where that is wanted, has no score.
func TestJudgeAskedAgain(t *testing.T) {
	say := func(q chatRequest) string {
		switch text := between(q, "[The answer]", "[End of the answer]"); {
		case text == "mute" || text == "slow" && q.Seed == 0:
			return reply("I would rather not say.")
		case q.Seed == 1 && q.Temperature != 1:
			t.Errorf("asked again at temperature %v", q.Temperature)
		}
		return reply("[[6]]")
	}
	request := Request{Name: "prompt x", Messages: asking("?"), Responses: []string{"quick", "slow", "mute"}}
	drop := func(c *configs.Ranker) { c.NonFinite = "drop" }
	r, s := judging(t, "score", say, drop)
	ratings := rank(t, nil, r, request)[0]
	if ratings[0].Score != 6 || ratings[1].Score != 6 || !math.IsNaN(ratings[2].Score) || len(s.asked) != 5 {
		t.Errorf("got %+v by %d requests", ratings, len(s.asked))
	}
	var counts Counts
	counts.count(request, ratings)
	if counts.Unparsed != 1 || !strings.Contains(counts.String(), "1 of the judge's 3 answers without a verdict") {
		t.Errorf("counted %s", counts)
	}
	r, _ = judging(t, "score", say)
	_, err := r.Rank(t.Context(), nil, []Request{request})
	if want := `prompt x: the judge gives no rating, also when asked again, but "I would rather not say.": ranker.non_finite=drop`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestJudgeWeighted(t *testing.T) {
	r, _ := judging(t, "weighted", func(q chatRequest) string {
		if q.MaxTokens != 1 || !q.Logprobs || q.TopLogprobs != 20 {
			t.Errorf("asked %+v", q)
		}
		return `{"choices":[{"message":{"content":"7"},"logprobs":{"content":[{"token":"7","logprob":-0.5,"top_logprobs":[
			{"token":"7","logprob":-0.5},{"token":"8","logprob":-1.5},{"token":"x","logprob":-2.5}]}]}}]}`
	})
	got := rank(t, nil, r, Request{Messages: asking("?"), Responses: []string{"a"}})[0][0].Score
	if want := (7*math.Exp(-0.5) + 8*math.Exp(-1.5)) / (math.Exp(-0.5) + math.Exp(-1.5)); math.Abs(got-want) > 1e-12 {
		t.Errorf("got %v, want %v", got, want)
	}
	r, _ = judging(t, "weighted", func(chatRequest) string { return reply("7") })
	if _, err := r.Rank(t.Context(), nil, []Request{{Messages: asking("?"), Responses: []string{"a"}}}); err == nil || !strings.Contains(err.Error(), "has no log-probabilities") {
		t.Errorf("got %v", err)
	}
}

// TestJudgePairwise: judges that prefer the longer, the first and nothing.
func TestJudgePairwise(t *testing.T) {
	answers := []string{"aaa", "a", "aa", "aaa"} // three different ones
	var games atomic.Int64
	for _, tt := range []struct {
		name   string
		say    func(a, b string) string
		scores []float64
		counts Counts
	}{
		{"longer", func(a, b string) string {
			if len(a) > len(b) {
				return "[[A]]"
			}
			return "[[B]]"
		}, []float64{1, 0, 0.5, 1}, Counts{Answers: 6}},
		{"first", func(string, string) string { return "[[A]]" }, []float64{0.5, 0.5, 0.5, 0.5}, Counts{Answers: 6}},
		{"none", func(string, string) string { return "both are fine" }, []float64{0.5, 0.5, 0.5, 0.5}, Counts{Answers: 6, Unparsed: 6}},
		{"once", func(a, b string) string { // aaa beats a in one order only
			if a == "aaa" && b == "a" {
				return "[[A]]"
			}
			return "[[C]]"
		}, []float64{0.625, 0.375, 0.5, 0.625}, Counts{Answers: 6}},
	} {
		r, s := judging(t, "pairwise", func(q chatRequest) string {
			games.Add(1)
			return reply(tt.say(between(q, "[Answer A]", "[Answer B]"), between(q, "[Answer B]", "[End of the answers]")))
		})
		request := Request{Messages: []table.Message{{Role: "user", Content: "?"}, {Role: "assistant", Content: "!"}, {Role: "user", Content: "?"}}, Responses: answers}
		ratings := rank(t, nil, r, request, Request{Messages: asking("?"), Responses: []string{"alone", "alone"}})
		var got []float64
		var counts Counts
		counts.count(request, ratings[0])
		for _, x := range ratings[0] {
			got = append(got, x.Score)
		}
		var bias PositionBias
		bias.add(request, ratings[0])
		if flipped := bias.Flipped; (tt.name == "first") != (flipped == 5) || tt.name != "first" && flipped != 0 {
			t.Errorf("%s: %+v", tt.name, bias)
		}
		if !slices.Equal(got, tt.scores) {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.scores)
		}
		if counts.Answers != tt.counts.Answers || counts.Unparsed != tt.counts.Unparsed {
			t.Errorf("%s: counted %+v, want %+v", tt.name, counts, tt.counts)
		}
		if ratings[1][0].Score != 0.5 || ratings[1][1].Score != 0.5 {
			t.Errorf("%s: alone scores %v", tt.name, ratings[1])
		}
		if want := 6 + tt.counts.Unparsed; len(s.asked) != want {
			t.Errorf("%s: %d requests, want %d", tt.name, len(s.asked), want)
		}
	}
}

func TestQuestions(t *testing.T) {
	for method, q := range questions {
		if err := CheckQuestion(method, q.user); err != nil {
			t.Errorf("%s: %v", method, err)
		}
	}
	r, _ := judging(t, "score", func(q chatRequest) string {
		if len(q.Messages) != 1 || q.Messages[0] != (turn{"user", "2? 4 {answer_c}"}) {
			t.Errorf("asked %+v", q.Messages)
		}
		return reply("[[3]]")
	}, func(c *configs.Ranker) { c.Judge.Prompt = "{question} {answer} {answer_c}" })
	rank(t, nil, r, Request{Messages: asking("2?"), Responses: []string{"4"}})
	c := configs.Default().Ranker
	c.Kind, c.Remote.URLs, c.Judge.Prompt = "judge", []string{"http://h"}, "rate {answer}"
	if err := CheckAsks(c); err == nil || !strings.Contains(err.Error(), "has no {question} in it") {
		t.Errorf("got %v", err)
	}
}
