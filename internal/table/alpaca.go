package table

import (
	"fmt"
	"iter"
	"math"
)

// An Output is one row of AlpacaEval's model_outputs.json.
type Output struct {
	At          string `json:"-"` // file and row
	Instruction string `json:"instruction"`
	Output      string `json:"output"`
	Generator   string `json:"generator"`
	Dataset     string `json:"dataset"`
}

// An Annotation is one row of AlpacaEval's annotations.json: output 2, the
// model's, beside output 1, the baseline's.
type Annotation struct {
	At          string
	Instruction string
	Dataset     string
	Output1     string
	Generator1  string
	Output2     string
	Generator2  string
	Annotator   string
	Preference  float64 // 1 + the probability that output 2 is better; NaN: the judge did not say
}

var outputColumns = columns{need: []string{"instruction"}, also: []string{"output", "generator", "dataset"}}

// ReadOutputs yields a model's answers, in any of the formats of [ReadPrompts];
// errors are as those of [PromptReader.Rows].
func ReadOutputs(path string) iter.Seq2[Output, error] {
	return readRows(path, outputColumns, func(at string, cols map[string]any) (Output, error) {
		o := Output{At: at}
		err := readTexts(cols, textColumn{"instruction", &o.Instruction, true}, textColumn{"output", &o.Output, true},
			textColumn{"generator", &o.Generator, false}, textColumn{"dataset", &o.Dataset, false})
		return o, err
	})
}

var annotationColumns = columns{
	need: []string{"preference"},
	also: []string{"instruction", "dataset", "output_1", "generator_1", "output_2", "generator_2", "annotator"},
}

// ReadAnnotations yields annotations, in any of the formats of [ReadPrompts];
// errors are as those of [PromptReader.Rows]. A preference of 0, which older
// files have for a draw, is read as 1.5, and null as NaN.
func ReadAnnotations(path string) iter.Seq2[Annotation, error] {
	return readRows(path, annotationColumns, func(at string, cols map[string]any) (Annotation, error) {
		a := Annotation{At: at}
		err := readTexts(cols, textColumn{"output_1", &a.Output1, true}, textColumn{"output_2", &a.Output2, true},
			textColumn{"instruction", &a.Instruction, false}, textColumn{"dataset", &a.Dataset, false},
			textColumn{"generator_1", &a.Generator1, false}, textColumn{"generator_2", &a.Generator2, false},
			textColumn{"annotator", &a.Annotator, false})
		if err == nil {
			a.Preference, err = preferenceOf(cols)
		}
		return a, err
	})
}

// readRows yields what parse makes of a file's rows.
func readRows[R any](path string, want columns, parse func(at string, cols map[string]any) (R, error)) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		for row, err := range readForeign(path, want) {
			var r R
			if err == nil {
				if r, err = parse(path+row.at, row.cols); err != nil {
					err = row.fault(path, err)
				}
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

// A textColumn is where a column's text goes.
type textColumn struct {
	name string
	to   *string
	must bool // be there
}

func readTexts(cols map[string]any, texts ...textColumn) error {
	for _, t := range texts {
		v, ok := cols[t.name].(string)
		if !ok && (t.must || cols[t.name] != nil) {
			return fmt.Errorf("%s: got %s, want text", t.name, kindOf(cols[t.name]))
		}
		*t.to = v
	}
	return nil
}

func preferenceOf(cols map[string]any) (float64, error) {
	v, ok := cols["preference"]
	if !ok {
		return 0, fmt.Errorf("preference: is missing: want instruction, output_1, output_2 and preference, as in AlpacaEval's annotations.json")
	}
	if v == nil {
		return math.NaN(), nil
	}
	p, err := numberOf(v)
	switch {
	case err != nil:
		return 0, fmt.Errorf("preference: %w", err)
	case p == 0:
		return 1.5, nil
	case math.IsNaN(p) || p >= 1 && p <= 2:
		return p, nil
	}
	return 0, fmt.Errorf("preference: got %v, want 1 (output_1 is better) to 2 (output_2 is), or null", p)
}
