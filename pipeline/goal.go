package pipeline

import (
	"errors"
	"strconv"
	"strings"

	"radpo/internal/openai"
)

// errGoal says how a goal is given.
var errGoal = errors.New("want a number, one an attribute as 8,9, or name=number for all attributes")

// goalOf reads a goal: one number, the same for every attribute; one an
// attribute with commas between; or name=number pairs, likewise. Nothing is no
// goal.
func goalOf(text string, p *openai.Policy) ([]float64, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	var list []float64
	named := map[string]float64{}
	for _, part := range strings.Split(text, ",") {
		name, number, ok := strings.Cut(part, "=")
		if !ok {
			name, number = "", part
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil {
			return nil, inputError("goal %s: %w", text, errGoal)
		}
		if ok {
			named[strings.TrimSpace(name)] = v
		} else {
			list = append(list, v)
		}
	}
	var err error
	switch {
	case len(named) > 0 && len(list) > 0:
		err = errGoal
	case len(named) > 0:
		list, err = p.Wording.Named(named)
	case len(list) == 1:
		list = p.Wording.All(list[0])
	}
	if err == nil {
		err = p.CheckGoal(list)
	}
	if err != nil {
		return nil, inputError("goal %s: %w", text, err)
	}
	return list, nil
}
