// Study runs the built-in experiment over several seeds and writes what shows
// on average, and what does not, as one page of Markdown. Every number comes
// from the runs' report.json.
//
//	go run ./demo/study [-seeds 5] [-out runs/study] [-page docs/study.md]
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"time"

	"radpo/internal/table"
)

// A variant is one run of the binary in a seed's folder; stages that variants
// share run once.
type variant struct {
	name string
	sets []string
}

var variants = []variant{
	{"ra", nil},
	{"ra-plus", []string{"augment.method=ra-plus", "iterations=1"}},
	{"same-data", []string{"dpo.data=first"}},
	{"attributes", []string{"iterations=1", "eval.baseline=false", "dpo.learning_rate=3e-4",
		"augment.attributes=[complexity, instruction_following, honesty, helpfulness, intellectual_depth]"}},
}

func main() {
	seeds := flag.Int("seeds", 5, "seeds of the loop")
	out := flag.String("out", filepath.Join("runs", "study"), "folder of the runs")
	page := flag.String("page", filepath.Join("docs", "study.md"), "the page to write")
	program := flag.String("program", filepath.Join("bin", "radpo"), "the program")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := study(ctx, *program, *out, *page, *seeds); err != nil {
		fmt.Fprintln(os.Stderr, "study:", err)
		os.Exit(1)
	}
}

func study(ctx context.Context, program, out, page string, seeds int) error {
	started := time.Now()
	results := map[string][]measures{}
	for seed := 1; seed <= seeds; seed++ {
		for _, v := range variants {
			began := time.Now()
			m, err := run(ctx, program, filepath.Join(out, fmt.Sprint("seed-", seed)), seed, v)
			if err != nil {
				return fmt.Errorf("seed %d, %s: %w", seed, v.name, err)
			}
			results[v.name] = append(results[v.name], m)
			fmt.Fprintf(os.Stderr, "seed %d of %d: %s in %.0f s\n", seed, seeds, v.name, time.Since(began).Seconds())
		}
	}
	fmt.Fprintf(os.Stderr, "%.1f minutes in all\n", time.Since(started).Minutes())
	text := write(results, seeds)
	fmt.Print(text)
	if err := os.MkdirAll(filepath.Dir(page), 0o755); err != nil {
		return err
	}
	return os.WriteFile(page, []byte(text), 0o644)
}

// run is the report of a variant.
func run(ctx context.Context, program, dir string, seed int, v variant) (measures, error) {
	args := []string{"run", "--out", dir, "--set", fmt.Sprint("seed=", seed)}
	for _, set := range v.sets {
		args = append(args, "--set", set)
	}
	cmd := exec.CommandContext(ctx, program, args...)
	if text, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%v: %w\n%s", cmd, err, text)
	}
	text, err := os.ReadFile(filepath.Join(dir, "report.json"))
	if err != nil {
		return nil, err
	}
	var list []table.Measure
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, err
	}
	m := measures{}
	for _, x := range list {
		m[x.Name] = x.Value
	}
	return m, nil
}

// measures are a report's values by name.
type measures map[string]float64
