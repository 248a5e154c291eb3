package pipeline

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode"

	"radpo/augment"
	"radpo/dpo"
	"radpo/internal/table"
	"radpo/ranker"
)

// Show prints what a folder holds: of a run folder its artifacts, or with a
// stage named that stage's newest artifact; of a table how it came out and its
// first limit rows, all for 0; of a model its training metrics. Rows are readable, or JSON
// objects, one a line.
func Show(dir, stage string, limit int, asJSON bool, w io.Writer) error {
	var err error
	switch run := IsRun(dir); {
	case run && stage == "":
		return showRun(dir, w)
	case run:
		if dir, err = newestOf(dir, stage); err != nil {
			return &InputError{err}
		}
	case stage != "":
		return inputError("%s is no run folder: it has no artifacts", dir)
	}
	if asJSON {
		return showRows(dir, limit, w)
	}
	if note := noteOf(dir); note != "" {
		if _, err := fmt.Fprintln(w, note); err != nil {
			return err
		}
	}
	var lines bytes.Buffer
	if err := showRows(dir, limit, &lines); err != nil {
		return err
	}
	return prose(&lines, w)
}

// IsRun says whether dir is a run folder.
func IsRun(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "artifacts"))
	return err == nil
}

// artifacts lists the folders of a run's artifacts, oldest first.
func artifacts(run string) ([]os.DirEntry, error) {
	entries, err := os.ReadDir(filepath.Join(run, "artifacts"))
	if err != nil {
		return nil, err
	}
	age := func(e os.DirEntry) int64 {
		info, err := e.Info()
		if err != nil {
			return 0
		}
		return info.ModTime().UnixNano()
	}
	slices.SortStableFunc(entries, func(a, b os.DirEntry) int { return int(max(-1, min(1, age(a)-age(b)))) })
	return entries, nil
}

// stageOf is the stage's name in that of its artifact, samples-1-0123abcd.
func stageOf(artifact string) string {
	if at := strings.LastIndex(artifact, "-"); at > 0 {
		return artifact[:at]
	}
	return artifact
}

func newestOf(run, stage string) (string, error) {
	all, err := artifacts(run)
	if err != nil {
		return "", err
	}
	var names []string
	for _, e := range slices.Backward(all) {
		if stageOf(e.Name()) == stage || e.Name() == stage {
			return filepath.Join(run, "artifacts", e.Name()), nil
		}
		names = append(names, stageOf(e.Name()))
	}
	slices.Sort(names)
	return "", fmt.Errorf("%s has no artifact of a stage %s; it has %s", run, stage, strings.Join(slices.Compact(names), ", "))
}

func showRun(run string, w io.Writer) error {
	all, err := artifacts(run)
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "stage\tholds\tfolder")
	for _, e := range all {
		dir := filepath.Join(run, "artifacts", e.Name())
		fmt.Fprintf(t, "%s\t%s\t%s\n", stageOf(e.Name()), contents(dir), dir)
	}
	return t.Flush()
}

// contents says in a few words what an artifact is.
func contents(dir string) string {
	for _, k := range kinds {
		if n, ok := k.count(dir); ok {
			return fmt.Sprintf("%d %s", n, k.plural)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, dpo.MetricsFile)); err == nil {
		return "a trained policy"
	}
	return "a folder"
}

// noteOf is what the stage that made a table says of it.
func noteOf(dir string) string {
	if t, err := table.Open[table.Score](dir); err == nil {
		if s, err := ranker.ReadScaling(t.Meta()); err == nil {
			if b, ok := ranker.ReadPositionBias(t.Meta()); ok {
				return s.String() + "\n" + b.String()
			}
			return s.String()
		}
		if c, err := ranker.ReadCounts(t.Meta()); err == nil {
			return rawNote(c, t.Meta())
		}
	}
	if t, err := table.Open[table.Pair](dir); err == nil {
		if c, err := augment.ReadCounts(t.Meta()); err == nil {
			return c.String()
		}
	}
	return ""
}

// rawNote is what the ranker says of a table of raw scores.
func rawNote(c ranker.Counts, meta map[string]string) string {
	weights, err := ranker.ReadCoefficients(meta)
	if err != nil || len(weights) == 0 {
		return c.String()
	}
	return c.String() + "\n\nmean coefficients of the attributes, over prompts:\n" + weights.String()
}

// A kind is one of our tables.
type kind struct {
	plural string
	count  func(dir string) (int, bool)
	print  func(dir string, limit int, w io.Writer) error
}

var kinds = []kind{
	kindOf[table.Prompt]("prompts"), kindOf[table.Sample]("samples"), kindOf[table.Score]("scores"),
	kindOf[table.Pair]("pairs"), kindOf[table.Ref]("reference rows"), kindOf[table.Measure]("measures"),
}

func kindOf[R any](plural string) kind {
	return kind{plural, func(dir string) (int, bool) {
		t, err := table.Open[R](dir)
		if err != nil {
			return 0, false
		}
		return t.Len(), true
	}, func(dir string, limit int, w io.Writer) error {
		t, err := table.Open[R](dir)
		if err != nil {
			return err
		}
		return table.WriteJSONL(w, first(t.Rows(), limit))
	}}
}

// first is at most n of seq; 0 is all.
func first[R any](seq iter.Seq2[R, error], n int) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		i := 0
		for r, err := range seq {
			if !yield(r, err) {
				return
			}
			if i++; i == n {
				return
			}
		}
	}
}

// showRows prints a table, or a policy's metrics, as JSON lines.
func showRows(dir string, limit int, w io.Writer) error {
	for _, k := range kinds {
		if _, ok := k.count(dir); ok {
			return k.print(dir, limit, w)
		}
	}
	f, err := os.Open(filepath.Join(dir, dpo.MetricsFile))
	if errors.Is(err, os.ErrNotExist) {
		return inputError("%s is neither a run folder, nor one of our tables, nor a trained policy", dir)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	scan := bufio.NewScanner(f)
	for i := 0; scan.Scan() && (limit == 0 || i < limit); i++ {
		if _, err := fmt.Fprintln(w, scan.Text()); err != nil {
			return err
		}
	}
	return scan.Err()
}

// prose prints JSON lines for people: a member a line, long lists cut.
func prose(lines io.Reader, w io.Writer) error {
	out := bufio.NewWriter(w)
	dec := json.NewDecoder(lines)
	dec.UseNumber() // seeds have more digits than a float64
	for n := 1; ; n++ {
		if _, err := dec.Token(); err == io.EOF {
			return out.Flush()
		} else if err != nil {
			return err
		}
		fmt.Fprintf(out, "--- %d\n", n)
		for dec.More() {
			name, err := dec.Token()
			var value any
			if err = errors.Join(err, dec.Decode(&value)); err != nil {
				return err
			}
			text := plainly(value)
			if !strings.HasPrefix(text, "\n") {
				text = " " + text
			}
			fmt.Fprintf(out, "%v:%s\n", name, text)
		}
		if _, err := dec.Token(); err != nil {
			return err
		}
	}
}

// plainly is a value for people.
func plainly(v any) string {
	switch v := v.(type) {
	case []any:
		return listed(v)
	case map[string]any:
		return printable(fmt.Sprintf("%v: %v", v["role"], v["content"]))
	case string:
		return printable(v)
	}
	return fmt.Sprint(v)
}

// printable is a model's text without what would steer a terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

func listed(list []any) string {
	const most = 12
	separator := " "
	var parts []string
	for _, v := range list {
		if _, isMessage := v.(map[string]any); isMessage {
			separator = "\n  "
		} else if len(parts) == most {
			parts = append(parts, fmt.Sprintf("… %d more", len(list)-most))
			break
		}
		parts = append(parts, plainly(v))
	}
	text := strings.Join(parts, separator)
	if separator != " " {
		return separator + text
	}
	return "[" + text + "]"
}
