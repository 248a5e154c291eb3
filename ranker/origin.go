package ranker

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

	"radpo/internal/flow"
)

// An Origin is whose scores a table holds, and of what.
type Origin struct {
	Ranker     string   // its kind, and its model's fingerprint
	Samples    string   // digest of the responses, see [radpo/internal/table.SamplesDigest]
	Attributes []string // names of Score.Attributes
}

// Where a table's metadata keeps its Origin; attributes are JSON.
const (
	attributes = "attributes"
	rankedBy   = "ranker"
	samplesOf  = "samples"
)

// ReadOrigin is the Origin of a table of scores, raw or mapped.
func ReadOrigin(meta map[string]string) (Origin, error) {
	o := Origin{Ranker: meta[rankedBy], Samples: meta[samplesOf]}
	if err := json.Unmarshal([]byte(meta[attributes]), &o.Attributes); err != nil {
		return o, fmt.Errorf("the scores table does not name its attributes; rank again: %w", err)
	}
	return o, nil
}

// ByData stands for a ranker where scores came with the responses.
const ByData = "the data"

// Meta is the metadata of a table of raw scores.
func (o Origin) Meta() (map[string]string, error) {
	names, err := json.Marshal(append([]string{}, o.Attributes...))
	return map[string]string{attributes: string(names), rankedBy: o.Ranker, samplesOf: o.Samples}, err
}

// ranker names who scores.
func (c Config) ranker(in flow.In) string {
	switch {
	case c.Asks():
		return c.Kind + " " + cmp.Or(c.Remote.Model, strings.Join(c.Remote.URLs, " "))
	case in.At(2) == "":
		return c.Kind
	}
	return c.Kind + " " + in.Print(2).Short()
}
