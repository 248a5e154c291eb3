package pipeline

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"radpo/eval"
	"radpo/internal/flow"
)

// facts are what the run was made of and on: hashes of its configuration and of
// what it reads, seeds, and the program that writes the report.
func (g *gallery) facts(in *eval.Input) error {
	add := func(name, format string, a ...any) {
		in.Facts = append(in.Facts, eval.Fact{Name: name, Value: fmt.Sprintf(format, a...)})
	}
	add("configuration", "%x", sha256.Sum256([]byte(in.Config)))
	inputs := g.read()
	for _, name := range slices.Sorted(maps.Keys(inputs)) {
		add("input "+name, "%s", inputs[name])
	}
	add("seed", "%d", g.Seed)
	add("device and type of numbers", "%s, %s", g.Device, g.DType)
	version := "(unknown)"
	if info, ok := debug.ReadBuildInfo(); ok {
		version = info.Main.Version
	}
	add("report written by", "radpo %s, %s, on %s/%s with %d processors", version, runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	return nil
}

// laneOf is the lane of a stage in the picture of the loop, by its name.
func laneOf(stage string) string {
	for _, part := range []string{"trial-raw-", "trial-", "marks-", "rule-"} {
		if policy, ok := strings.CutPrefix(stage, part); ok {
			return policy + " measured"
		}
	}
	switch n := stage[strings.LastIndexByte(stage, '-')+1:]; {
	case strings.HasPrefix(stage, "logps-"):
		return "unlearning measured"
	case strings.Contains(stage, "-plain"):
		return "plain DPO on the same samples"
	case strings.Contains("0123456789", n[:1]):
		return "iteration " + n
	}
	return "before the loop"
}

// read is the fingerprint of every source that a stage of the run was made from.
func (g *gallery) read() map[string]flow.Fingerprint {
	out := map[string]flow.Fingerprint{}
	for _, step := range g.steps {
		for name, print := range g.store.Inputs(step.Fingerprint) {
			if _, made := g.steps[name]; !made {
				out[name] = print
			}
		}
	}
	return out
}
