package flow

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"radpo/internal/progress"
)

// A Step is what Run would do with one stage of a plan.
type Step struct {
	Name        string
	Kind        string
	Fingerprint Fingerprint
	Done        bool   // its artifact exists
	Why         string // the reason that it runs, or that it does not
}

// Plan says what Run would do: one step a stage, sources left out.
func (s *Store) Plan(plan []Stage) ([]Step, error) {
	nodes, err := s.resolve(context.Background(), plan)
	if err != nil {
		return nil, diskError(s.dir, err)
	}
	var steps []Step
	maker := map[Fingerprint]string{} // who makes what this plan lacks
	for _, n := range nodes {
		done, err := s.have(n.print)
		if err != nil {
			return nil, fmt.Errorf("stage %s: %w", n.Name, err)
		}
		step := Step{Name: n.Name, Kind: n.Kind, Fingerprint: n.print, Done: done}
		switch other, planned := maker[n.print]; {
		case done && s.made[n.print].Name != n.Name:
			step.Why = "same as " + s.made[n.print].Name
		case done:
			step.Why = "unchanged"
		case planned:
			step.Why = "same as " + other
		default:
			maker[n.print] = n.Name
			step.Why = s.why(n)
			if kept := len(partNames(s.work(n.print))); kept > 0 {
				step.Why += fmt.Sprintf("; continues after %d parts", kept)
			}
		}
		steps = append(steps, step)
	}
	return steps, nil
}

// A node is a stage whose inputs are known by fingerprint.
type node struct {
	Stage
	inputs []input
	config json.RawMessage
	print  Fingerprint
}

// resolve checks a plan and fingerprints its stages, in order, without sources.
func (s *Store) resolve(ctx context.Context, plan []Stage) ([]node, error) {
	known := map[string]input{"": {}}
	var nodes []node
	for _, stage := range plan {
		if err := checkName(stage.Name); err != nil {
			return nil, fmt.Errorf("plan: %w", err)
		}
		if _, dup := known[stage.Name]; dup {
			return nil, fmt.Errorf("plan: two entries are named %s", stage.Name)
		}
		if stage.run == nil {
			bar := progress.Start(ctx, 0, "MiB of "+stage.Name+" hashed")
			print, err := s.hashSource(ctx, stage.source, bar)
			bar.Done()
			if err != nil {
				return nil, fmt.Errorf("source %s: %w", stage.Name, err)
			}
			known[stage.Name] = input{name: stage.Name, print: print, path: stage.source}
			continue
		}
		n, err := stage.wire(known)
		if err != nil {
			return nil, err
		}
		known[stage.Name] = input{name: stage.Name, print: n.print}
		nodes = append(nodes, n)
	}
	return nodes, nil
}

// wire finds what s reads among what the plan knows so far.
func (s Stage) wire(known map[string]input) (node, error) {
	n := node{Stage: s}
	for _, name := range s.Reads {
		in, ok := known[name]
		if !ok {
			return n, fmt.Errorf("plan: stage %s reads %s, which nothing before it makes", s.Name, name)
		}
		n.inputs = append(n.inputs, in)
	}
	var err error
	if n.config, err = json.Marshal(s.Config); err != nil {
		return n, fmt.Errorf("stage %s: its config cannot be fingerprinted: %w", s.Name, err)
	}
	n.print, err = s.fingerprint(n.inputs)
	return n, err
}

// why compares a stage that must run with the artifact last made under its name.
func (s *Store) why(n node) string {
	old, ok := s.last[n.Name]
	switch {
	case !ok:
		return "no artifact yet"
	case old.Fingerprint == n.print:
		return "its folder was removed"
	}
	var reasons []string
	if old.Kind != n.Kind {
		reasons = append(reasons, fmt.Sprintf("stage kind %s -> %s", old.Kind, n.Kind))
	}
	if old.Version != n.Version {
		reasons = append(reasons, fmt.Sprintf("stage version %d -> %d", old.Version, n.Version))
	}
	if changes := configChanges(old.Config, n.config); len(changes) > 0 {
		reasons = append(reasons, "config changed: "+strings.Join(changes, ", "))
	}
	reasons = append(reasons, inputChanges(old.Inputs, n.inputs)...)
	if len(reasons) == 0 {
		reasons = []string{"inputs in another order"}
	}
	return strings.Join(reasons, "; ")
}
