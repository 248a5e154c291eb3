package table

// How a training row came about.
const (
	KindPlain        = "plain"         // the ranker's order, no goal in the prompt
	KindGoalChosen   = "goal_chosen"   // goal = the better response's score, order kept
	KindGoalRejected = "goal_rejected" // goal = the worse response's score, order swapped
)

// GoalNames is where a pairs table's metadata lists, as JSON, what the numbers
// of a goal are called.
const GoalNames = "goal_names"

// A Pair is one training row. Chosen and rejected are as the trainer sees
// them: in a goal_rejected row, chosen is the response with the lower score.
type Pair struct {
	ID             string    `col:"pair_id"` // unique and stable: iteration, prompt, samples, kind
	PromptID       string    `col:"prompt_id"`
	Iteration      int32     `col:"iteration"`
	Kind           string    `col:"kind"`
	Goal           []float64 `col:"goal"`     // 1–10, as printed in the prompt; empty for plain
	Messages       []Message `col:"messages"` // with the goal prompt in place
	PromptIDs      []int32   `col:"prompt_ids"`
	ChosenIDs      []int32   `col:"chosen_ids"`
	RejectedIDs    []int32   `col:"rejected_ids"`
	Chosen         string    `col:"chosen"` // text
	Rejected       string    `col:"rejected"`
	ChosenSample   int32     `col:"chosen_sample"`
	RejectedSample int32     `col:"rejected_sample"`
	RawChosen      float64   `col:"raw_chosen"` // the ranker's own scale
	RawRejected    float64   `col:"raw_rejected"`
	RewardChosen   float64   `col:"reward_chosen"` // 1–10
	RewardRejected float64   `col:"reward_rejected"`
	WinChosen      float64   `col:"win_chosen"` // probability of being preferred to the prompt's responses, itself among them
	WinRejected    float64   `col:"win_rejected"`
}
