package ranker

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Counts says what a ranker met besides good answers, and how often it could
// not tell answers apart.
type Counts struct {
	Prompts      int `json:"prompts"`
	Responses    int `json:"responses"`
	Empty        int `json:"empty"`         // responses without text; they are scored like any other
	PromptsCut   int `json:"prompts_cut"`   // responses whose prompt lost a part to the window
	ResponsesCut int `json:"responses_cut"` // responses that lost their end to it
	Cleaned      int `json:"cleaned"`       // responses of which, or of whose prompt, the text of special tokens was taken out
	Pairs        int `json:"pairs"`         // of different responses to one prompt
	Ties         int `json:"ties"`          // of these with equal scores

	Answers  int `json:"answers,omitempty"`  // of a judge
	Unparsed int `json:"unparsed,omitempty"` // of these without a verdict, also when asked again
}

// countsKey is where a table's metadata keeps its Counts.
const countsKey = "counts"

// ReadCounts is the Counts of a table of raw scores.
func ReadCounts(meta map[string]string) (Counts, error) {
	var c Counts
	if err := json.Unmarshal([]byte(meta[countsKey]), &c); err != nil {
		return c, fmt.Errorf("the scores table has no counts in its metadata: %w", err)
	}
	return c, nil
}

// count adds a request and its ratings.
func (c *Counts) count(q Request, ratings []Rating) {
	c.Prompts++
	c.Responses += len(ratings)
	for i, r := range ratings {
		c.Empty += one(strings.TrimSpace(q.Responses[i]) == "")
		c.PromptsCut += one(r.Cut.Prompt)
		c.ResponsesCut += one(r.Cut.Response)
		c.Cleaned += one(r.Cleaned)
		c.Answers += r.Judged.Answers
		c.Unparsed += r.Judged.Unparsed
		for j := range i {
			different := q.Responses[i] != q.Responses[j]
			c.Pairs += one(different)
			c.Ties += one(different && r.Score == ratings[j].Score)
		}
	}
}

func (c *Counts) add(o Counts) {
	c.Prompts += o.Prompts
	c.Responses += o.Responses
	c.Empty += o.Empty
	c.PromptsCut += o.PromptsCut
	c.ResponsesCut += o.ResponsesCut
	c.Cleaned += o.Cleaned
	c.Pairs += o.Pairs
	c.Ties += o.Ties
	c.Answers += o.Answers
	c.Unparsed += o.Unparsed
}

func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// String is one line for a log; what did not occur is left out.
func (c Counts) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d responses to %d prompts scored", c.Responses, c.Prompts)
	for _, cause := range []struct {
		name string
		n    int
	}{{"empty", c.Empty}, {"prompts cut", c.PromptsCut}, {"responses cut", c.ResponsesCut}, {"cleaned of special tokens", c.Cleaned}} {
		if cause.n > 0 {
			fmt.Fprintf(&b, ", %s %d", cause.name, cause.n)
		}
	}
	if c.Ties > 0 {
		fmt.Fprintf(&b, ", %d of %d pairs tied (%.1f %%)", c.Ties, c.Pairs, 100*float64(c.Ties)/float64(c.Pairs))
	}
	if c.Answers > 0 {
		fmt.Fprintf(&b, ", %d of the judge's %d answers without a verdict", c.Unparsed, c.Answers)
	}
	return b.String()
}
