package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rs/zerolog"

	"radpo/eval/tasks"
)

// sets reads the files of an exam with their examples.
func (e Exam) sets(ctx context.Context, t tasks.Task) ([]tasks.Set, error) {
	var out []tasks.Set
	for _, given := range e.Data {
		paths, err := filesIn(given)
		if err != nil {
			return nil, &InputError{err}
		}
		for _, path := range paths {
			s := tasks.Set{Task: t}
			name := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
			if s.Subset, err = t.Subset(name); err != nil {
				return nil, &InputError{err}
			}
			if slices.ContainsFunc(out, func(o tasks.Set) bool { return o.Subset == s.Subset }) {
				return nil, inputError("%s: there are two files of subset %s", path, s.Subset)
			}
			if s.Items, err = gathered(path, "", t.Read(path, s.Subset, e.Seed)); err != nil {
				return nil, err
			}
			if e.Limit > 0 {
				s.Items = s.Items[:min(e.Limit, len(s.Items))]
			}
			if err := e.examples(&s, path); err != nil {
				return nil, &InputError{err}
			}
			lost(ctx, s, path)
			out = append(out, s)
		}
	}
	return out, nil
}

// lost warns of items that cannot be right.
func lost(ctx context.Context, s tasks.Set, path string) {
	n := 0
	for _, i := range s.Items {
		if i.Gold < 0 {
			n++
		}
	}
	if n > 0 {
		zerolog.Ctx(ctx).Warn().Msgf("%s: in %d of %d rows the answer is none of the choices: they count as wrong, as in the harness", path, n, len(s.Items))
	}
}

// filesIn are the files of data in a plain folder, or path itself.
func filesIn(path string) ([]string, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return []string{path}, nil // a file, or nothing: reading it says so
	}
	if _, err := os.Stat(filepath.Join(path, "state.json")); err == nil {
		return []string{path}, nil // a datasets folder
	}
	var out []string
	for _, entry := range entries {
		if slices.Contains([]string{".jsonl", ".json", ".parquet", ".arrow"}, filepath.Ext(entry.Name())) {
			out = append(out, filepath.Join(path, entry.Name()))
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s: the folder has no file .jsonl, .json, .parquet or .arrow", path)
	}
	return out, nil
}

// examples reads those of a set, whose items lie at path.
func (e Exam) examples(s *tasks.Set, path string) (err error) {
	if e.Shots == 0 {
		return nil
	}
	from := e.Examples
	if from == "" {
		return fmt.Errorf("%s shows %d examples, which the benchmark has and radpo has not: give --fewshot %s; or ask with --shots 0", s.Name, e.Shots, s.ExamplesFrom())
	}
	if info, err := os.Stat(from); err == nil && info.IsDir() {
		if from, err = exampleFile(from, s.Subset); err != nil {
			return err
		}
	}
	if same(from, path) {
		return fmt.Errorf("%s has the questions: examples must come from another file", from)
	}
	if ext := filepath.Ext(from); ext == ".yaml" || ext == ".yml" {
		s.Examples, err = s.ReadYAML(from, s.Subset, e.Seed)
	} else {
		s.Examples, err = gathered(from, "", s.Read(from, s.Subset, e.Seed))
	}
	return err
}

func same(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// exampleFile is that of a subset in a folder.
func exampleFile(dir, subset string) (string, error) {
	for _, ext := range []string{".yaml", ".yml", ".jsonl", ".json", ".parquet", ".arrow"} {
		path := filepath.Join(dir, subset+ext)
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			return path, err
		}
	}
	return "", fmt.Errorf("%s: there is no file %s.jsonl or %s.yaml of examples", dir, subset, subset)
}
