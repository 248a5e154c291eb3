package table

import (
	"crypto/sha256"
	"fmt"
)

// Why a response ended.
const (
	FinishStop   = "stop"   // its last id is a stop id
	FinishLength = "length" // cut at the token limit: it has no stop id
)

// A Sample is one response of a policy to a prompt, as token ids: training
// concatenates PromptIDs and ResponseIDs and never tokenises text again.
type Sample struct {
	PromptID    string    `col:"prompt_id"`
	Sample      int32     `col:"sample"` // number within the prompt, from 0
	Goal        []float64 `col:"goal"`   // scores asked for; empty when none was
	PromptIDs   []int32   `col:"prompt_ids"`
	ResponseIDs []int32   `col:"response_ids"`
	Logprobs    []float32 `col:"logprobs"` // of each response id, nats, the model's own at temperature 1; NaN where a server tells none
	Text        string    `col:"text"`     // decoded response without special tokens
	Finish      string    `col:"finish"`
	Seed        int64     `col:"seed"`
}

// SamplesDigest is 16 hex digits that stand for which responses there are: the
// prompts' ids, the samples' numbers and texts, in order.
func SamplesDigest(samples []Sample) string {
	h := sha256.New()
	for _, s := range samples {
		fmt.Fprintf(h, "%q %d %q\n", s.PromptID, s.Sample, s.Text)
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:8])
}
