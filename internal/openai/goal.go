package openai

import (
	"encoding/json"
	"errors"
	"fmt"

	"radpo/internal/web"
)

// goal reads a score, the same for every attribute, or a list or an object of
// one an attribute.
func (v *Server) goal(raw json.RawMessage) ([]float64, error) {
	if isNull(raw) {
		return v.Goal, nil
	}
	var one float64
	var list []float64
	var named map[string]float64
	var err error
	switch {
	case json.Unmarshal(raw, &one) == nil:
		list = v.Wording.All(one)
	case json.Unmarshal(raw, &list) == nil:
	case json.Unmarshal(raw, &named) == nil:
		list, err = v.Wording.Named(named)
	default:
		err = errors.New("want a number, a list of numbers or an object of them")
	}
	if err == nil {
		err = v.CheckGoal(list)
	}
	if err != nil {
		return nil, web.Of("goal", "%w", err)
	}
	return list, nil
}

// CheckGoal holds a goal to those that the policy was trained with: a number an
// attribute, on the scale of scores.
func (p *Policy) CheckGoal(goal []float64) error {
	want := max(1, len(p.Wording.Names))
	switch {
	case p.Plain:
		return errors.New("this policy was trained without goals (augment.method: none)")
	case len(goal) != want:
		return fmt.Errorf("want %d numbers, got %d", want, len(goal))
	}
	for _, x := range goal {
		if !(x >= p.Low && x <= p.High) {
			return fmt.Errorf("%v is off the scale of scores: want %v to %v", x, p.Low, p.High)
		}
	}
	return nil
}
