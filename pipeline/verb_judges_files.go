package pipeline

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// readBench reads a file of JSON lines that pass their own and other checks; an
// error says what a line should be.
func readBench[R interface{ Check() error }](path, shape string, checks ...func(R) error) ([]R, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, &InputError{err}
	}
	defer f.Close()
	lines, err := readLines(Lines{path, f}, func(r R) error {
		for _, check := range append([]func(R) error{R.Check}, checks...) {
			if err := check(r); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && len(lines) == 0 {
		err = fmt.Errorf("%s: there are no rows", path)
	}
	if err != nil {
		return nil, inputError("%w; want lines of %s", err, shape)
	}
	rows := make([]R, len(lines))
	for i, l := range lines {
		rows[i] = l.row
	}
	return rows, nil
}

// once is a check that no name comes twice.
func once[R any](name func(R) string) func(R) error {
	seen := map[string]bool{}
	return func(r R) error {
		if seen[name(r)] {
			return fmt.Errorf("%s again", name(r))
		}
		seen[name(r)] = true
		return nil
	}
}

// alike is a check that all rows say the same of one thing; way is the way out.
func alike[R any](what string, of func(R) string, way string) func(R) error {
	first := ""
	return func(r R) error {
		if first == "" {
			first = of(r)
		}
		if of(r) != first {
			return fmt.Errorf("%s is %s, in rows before it %s: %s", what, of(r), first, way)
		}
		return nil
	}
}

// An answer is a row of a file of a model's answers.
type answer interface {
	Check() error
	Key() string // of the question
	Who() string // answered
}

func questionNamed(key string) string { return "question " + key }

// readAnswers reads one model's answers, each question once.
func readAnswers[A answer](path, shape string) ([]A, error) {
	return readBench(path, shape, once(func(a A) string { return questionNamed(a.Key()) }), alike("model", A.Who, "give one model a file"))
}

// byKey are answers by question.
func byKey[A answer](rows []A) map[string]A {
	out := make(map[string]A, len(rows))
	for _, r := range rows {
		out[r.Key()] = r
	}
	return out
}

// digest is a file's SHA-256.
func digest(path string) (string, error) {
	text, err := readQuestion(path)
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:]), err
}

// writeRows writes a file of JSON lines whole into a folder of Out.
func writeRows[R any](out, folder, name string, rows []R) error {
	dir := filepath.Join(out, folder)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return &InputError{err}
	}
	return replace(filepath.Join(dir, fileName(name)+".jsonl"), func(w io.Writer) error {
		lines := newLineWriter(w)
		for _, r := range rows {
			if err := lines.write(r); err != nil {
				return err
			}
		}
		return lines.flush()
	})
}

// fileName is a model's name as that of a file, which stays in its folder.
func fileName(name string) string {
	clean := strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\:`, r) || r < ' ' {
			return '_'
		}
		return r
	}, name)
	if clean = strings.TrimLeft(clean, "."); clean == "" {
		return "model"
	}
	return clean
}

// filled is a template of Python's str.format with fields in place.
func filled(template string, fields map[string]string) string {
	pairs := []string{"{{", "{", "}}", "}"}
	for name, text := range fields {
		pairs = append(pairs, "{"+name+"}", text)
	}
	return strings.NewReplacer(pairs...).Replace(template)
}
