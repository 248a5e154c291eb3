package table

// A Scored is a prompt with responses that others drew and scored.
type Scored struct {
	PromptID   string      `col:"prompt_id"` // the file's own, or else [PromptID]
	Messages   []Message   `col:"messages"`  // up to the user's last turn
	Responses  []string    `col:"responses"` // of a pair: chosen, rejected
	Scores     []float64   `col:"scores"`    // one a response, on the file's own scale; NaN where it has none
	Names      []string    `col:"attribute_names"`
	Attributes [][]float64 `col:"attributes"` // one list a response, or none at all
	Source     string      `col:"source"`     // file and line or row
}
