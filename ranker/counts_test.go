package ranker

import "testing"

// TestCounts: pairs are of different responses, ties of such with one score.
func TestCounts(t *testing.T) {
	requests := []Request{
		{Responses: []string{"a", "b", "a", " "}},
		{Responses: []string{"c", "d"}},
	}
	ratings := [][]Rating{
		{{Score: 1}, {Score: 1, Cut: Cut{Prompt: true}}, {Score: 1}, {Score: 2, Cut: Cut{true, true}}},
		{{Score: 3}, {Score: 4}},
	}
	var got tally
	for i := range requests { // as two segments
		got.add(tallyOf(requests[i:i+1], ratings[i:i+1]))
	}
	if want := (Counts{Prompts: 2, Responses: 6, Empty: 1, PromptsCut: 2, ResponsesCut: 1, Pairs: 6, Ties: 2}); got.Counts != want {
		t.Errorf("got %+v, want %+v", got.Counts, want)
	}
	const line = "6 responses to 2 prompts scored, empty 1, prompts cut 2, responses cut 1, 2 of 6 pairs tied (33.3 %)"
	if got.Counts.String() != line {
		t.Errorf("got %q, want %q", got.Counts, line)
	}
}

// TestMeanCoefficients: a prompt counts once, however many responses it has.
func TestMeanCoefficients(t *testing.T) {
	requests := []Request{{Responses: []string{"a", "b"}}, {Responses: []string{"c"}}}
	first, second := []float64{1, -2, 3}, []float64{3, -4, 0}
	ratings := [][]Rating{{{Coefficients: first}, {Coefficients: first}}, {{Coefficients: second}}}
	meta, err := tallyOf(requests, ratings).meta(Origin{Attributes: []string{"wit", "length", "depth"}})
	if err != nil {
		t.Fatal(err)
	}
	const want = `[{"attribute":"wit","mean":2},{"attribute":"depth","mean":1.5},{"attribute":"length","mean":-3}]`
	if meta["coefficients"] != want {
		t.Errorf("got %s, want %s", meta["coefficients"], want)
	}
}
