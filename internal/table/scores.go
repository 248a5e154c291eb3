package table

// A Score is a ranker's word on one sample, in the order of the samples table.
type Score struct {
	PromptID   string    `col:"prompt_id"`
	Sample     int32     `col:"sample"`
	Raw        float64   `col:"raw"`        // the ranker's own scale
	Attributes []float64 `col:"attributes"` // raw, one an attribute; names in the schema's metadata
	Gating     []float64 `col:"gating"`     // weight of each attribute after softmax
	Pairwise   []float64 `col:"pairwise"`   // logit of being better than each sample of the prompt
	Score      float64   `col:"score"`      // mapped to 1–10
	Levels     []float64 `col:"levels"`     // attributes chosen by the config, each mapped to 1–10
}
