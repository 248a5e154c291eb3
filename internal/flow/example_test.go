package flow_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"radpo/internal/flow"
)

// A plan of two stages is run, changed, and explained.
func Example() {
	type shout struct {
		Mark string `json:"mark"`
	}
	write := func(out *flow.Out, text string) error {
		return os.WriteFile(filepath.Join(out.Dir(), "text"), []byte(text), 0o666)
	}
	greet := flow.Kind[string]{Name: "greet", Version: 1, Run: func(_ context.Context, who string, _ flow.In, out *flow.Out) error {
		return write(out, "hello "+who)
	}}
	upper := flow.Kind[shout]{Name: "upper", Version: 1, Run: func(_ context.Context, c shout, in flow.In, out *flow.Out) error {
		text, err := os.ReadFile(filepath.Join(in.At(0), "text"))
		if err != nil {
			return err
		}
		return write(out, strings.ToUpper(string(text))+c.Mark)
	}}
	plan := func(mark string) []flow.Stage {
		return []flow.Stage{greet.With("world", "greeting"), upper.With(shout{mark}, "loud", "greeting")}
	}

	dir, err := os.MkdirTemp("", "flow-example-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	store, err := flow.Open(dir)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()
	if err := store.Run(context.Background(), plan("!")); err != nil {
		fmt.Println(err)
		return
	}
	steps, err := store.Plan(plan("?"))
	for _, step := range steps {
		fmt.Printf("%s done=%t: %s\n", step.Name, step.Done, step.Why)
	}
	fmt.Println(err)
	// Output:
	// greeting done=true: unchanged
	// loud done=false: config changed: mark "!" -> "?"
	// <nil>
}
