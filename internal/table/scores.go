package table

import (
	"encoding/json"
	"fmt"
)

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

// LevelNames is where a scores table's metadata lists, as JSON, the attributes
// that its levels are of.
const LevelNames = "levels"

// ReadLevelNames lists the attributes that the levels of the scores table in
// dir are of; none for one without levels.
func ReadLevelNames(dir string) ([]string, error) {
	t, err := Open[Score](dir)
	if err != nil {
		return nil, err
	}
	var names []string
	if err := json.Unmarshal([]byte(t.Meta()[LevelNames]), &names); err != nil {
		return nil, fmt.Errorf("the scores table %s does not name its levels; rank again: %w", dir, err)
	}
	return names, nil
}
