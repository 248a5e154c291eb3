package augment

import (
	"fmt"
	"strings"
)

// Counts says what became of the responses. Causes count pairs, so that
//
//	pairs wanted = Pairs + TooFew + Identical + Tie + Margin + Attributes + SameGoal
//
// with one pair wanted a prompt in use, two under rule both; under threshold
// and all as many as there are, and one where there is none.
type Counts struct {
	Prompts   int `json:"prompts"`
	Responses int `json:"responses"`
	Empty     int `json:"empty"`    // responses without text, left out of every pair
	Unscored  int `json:"unscored"` // responses without a finite score, likewise
	Limited   int `json:"limited"`  // responses cut at the token limit, likewise under augment.length_limited drop

	TooFew     int `json:"too_few"`    // no second response, or no middle one, was left
	Identical  int `json:"identical"`  // both responses are the same ids
	Tie        int `json:"tie"`        // both have the same raw score
	Margin     int `json:"margin"`     // closer than augment.min_margin
	Attributes int `json:"attributes"` // parity released-code: the better one's attributes have the lower mean
	SameGoal   int `json:"same_goal"`  // ra, half-ra, ira: both print the same goal, so the two rows would contradict each other

	Pairs int `json:"pairs"` // kept
	Rows  int `json:"rows"`  // written
	Cut   int `json:"cut"`   // rows whose prompt lost its middle to prompts.max_tokens

	OtherHalf int `json:"other_half,omitempty"` // prompts that half-ra leaves out
	Turned    int `json:"turned,omitempty"`     // pairs that other scores order the other way
}

// Dropped is the number of pairs wanted and not kept.
func (c Counts) Dropped() int {
	return c.TooFew + c.Identical + c.Tie + c.Margin + c.Attributes + c.SameGoal
}

// A Cause is why pairs, responses, prompts or rows came out otherwise than
// wanted, and how many did.
type Cause struct {
	Name string
	N    int
}

// Causes lists all of them: first those that drop pairs.
func (c Counts) Causes() []Cause {
	return []Cause{
		{"too few responses", c.TooFew}, {"identical", c.Identical}, {"tie", c.Tie}, {"margin", c.Margin},
		{"mean of attributes", c.Attributes}, {"same goal", c.SameGoal},
		{"empty responses", c.Empty}, {"unscored responses", c.Unscored}, {"responses cut at the limit", c.Limited},
		{"prompts cut", c.Cut}, {"prompts of the other half", c.OtherHalf}, {"pairs turned round", c.Turned},
	}
}

// String is one line for a log; causes that did not occur are left out.
func (c Counts) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d prompts, %d responses: %d pairs kept as %d rows, %d dropped", c.Prompts, c.Responses, c.Pairs, c.Rows, c.Dropped())
	for _, cause := range c.Causes() {
		if cause.N > 0 {
			fmt.Fprintf(&b, ", %s %d", cause.Name, cause.N)
		}
	}
	return b.String()
}
