package pipeline

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"radpo/augment"
	"radpo/internal/flow"
	"radpo/internal/table"
	"radpo/ranker"
	"radpo/sampler"
)

// ShowLineage prints, link by link, where row n of a run's pairs table comes
// from: its prompt, its samples with their seeds, their raw scores and the maps
// that made goals of them; or of a samples table, what became of sample n: its
// scores and every row that it stands in. Links are readable, or JSON objects,
// one a line.
func ShowLineage(run, stage string, n int, asJSON bool, w io.Writer) error {
	if !IsRun(run) {
		return inputError("%s is no run folder: what rows come from is known in one", run)
	}
	dir, err := newestOf(run, stage)
	if err != nil {
		return &InputError{err}
	}
	made, err := flow.ReadManifest(run)
	if err != nil {
		return err
	}
	l := lineage{made: made}
	at := slices.IndexFunc(made, func(m flow.Made) bool { return filepath.Base(m.Dir) == filepath.Base(dir) })
	switch {
	case at < 0:
		return inputError("%s is not in the manifest of %s", dir, run)
	case made[at].Kind == augment.Stage.Name, made[at].Kind == augment.Relabel.Name:
		err = l.back(made[at], n)
	case isSamples(made[at]):
		err = l.forward(made[at], n)
	default:
		return inputError("stage %s makes neither pairs nor samples: lineage is that of a row of either", stage)
	}
	if err != nil {
		return &InputError{err}
	}
	if asJSON {
		_, err = l.links.WriteTo(w)
		return err
	}
	return prose(&l.links, w)
}

// A lineage is links under way, as JSON lines, in a run with its manifest.
type lineage struct {
	made  []flow.Made
	links bytes.Buffer
}

// back follows row n of a pairs table to its prompt, samples and scores.
func (l *lineage) back(pairs flow.Made, n int) error {
	p, _, err := rowOf(pairs, func(_ table.Pair, row int) bool { return row == n })
	if err != nil {
		return fmt.Errorf("--row %d: %w", n, err)
	}
	if err := l.row(pairs, n, p); err != nil {
		return err
	}
	scored := []flow.Made{pairs}
	if plain, ok := l.input(pairs, augment.Stage.Name); ok { // relabelled
		same := func(q table.Pair, _ int) bool {
			return q.PromptID == p.PromptID && (q.ChosenSample == p.ChosenSample && q.RejectedSample == p.RejectedSample ||
				q.ChosenSample == p.RejectedSample && q.RejectedSample == p.ChosenSample)
		}
		q, row, err := rowOf(plain, same)
		if err != nil {
			return fmt.Errorf("the pair that %s relabels: %w", p.ID, err)
		}
		if err := l.row(plain, row, q); err != nil {
			return err
		}
		scored, pairs = append(scored, plain), plain
	}
	if err := l.prompt(pairs, p.PromptID); err != nil {
		return err
	}
	samples, ok := l.input(pairs, sampler.Stage.Name, givenSamples.Name)
	if !ok {
		return fmt.Errorf("%s was not made of this run's samples", filepath.Base(pairs.Dir))
	}
	for _, number := range []int32{p.ChosenSample, p.RejectedSample} {
		s, row, err := rowOf(samples, func(s table.Sample, _ int) bool { return s.PromptID == p.PromptID && s.Sample == number })
		if err != nil {
			return err
		}
		if err := l.sample(samples, row, s); err != nil {
			return err
		}
		for _, of := range scored {
			if scores, ok := l.input(of, ranker.Scale.Name); ok {
				if err := l.score(scores, s); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// forward follows sample n to its scores and to the rows that it stands in.
func (l *lineage) forward(samples flow.Made, n int) error {
	s, _, err := rowOf(samples, func(_ table.Sample, row int) bool { return row == n })
	if err != nil {
		return fmt.Errorf("--row %d: %w", n, err)
	}
	if err := l.sample(samples, n, s); err != nil {
		return err
	}
	if err := l.prompt(samples, s.PromptID); err != nil {
		return err
	}
	for _, m := range l.made {
		if from, ok := l.samples(m); !ok || from.Print != samples.Print || deleted(m) {
			continue
		}
		switch m.Kind {
		case ranker.Scale.Name:
			err = l.score(m, s)
		case augment.Stage.Name, augment.Relabel.Name:
			err = l.rows(m, s)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// deleted says whether somebody removed an artifact's folder.
func deleted(m flow.Made) bool {
	_, err := os.Stat(m.Dir)
	return errors.Is(err, fs.ErrNotExist)
}

// input is the artifact of a kind that m was made from.
func (l *lineage) input(m flow.Made, kinds ...string) (flow.Made, bool) {
	for _, of := range l.made {
		if slices.Contains(kinds, of.Kind) && slices.Contains(m.Inputs, of.Print) {
			return of, true
		}
	}
	return flow.Made{}, false
}

// samples is the samples table whose responses m scores or pairs.
func (l *lineage) samples(m flow.Made) (flow.Made, bool) {
	next := map[string][]string{
		ranker.Stage.Name:    {sampler.Stage.Name},
		givenScores.Name:     {givenSamples.Name},
		augment.Stage.Name:   {sampler.Stage.Name, givenSamples.Name},
		ranker.Implied.Name:  {augment.Stage.Name},
		augment.Relabel.Name: {augment.Stage.Name},
		ranker.Scale.Name:    {ranker.Stage.Name, givenScores.Name, ranker.Implied.Name},
	}
	for !isSamples(m) {
		of, ok := l.input(m, next[m.Kind]...)
		if !ok {
			return of, false
		}
		m = of
	}
	return m, true
}

// isSamples says whether an artifact is responses, drawn or given.
func isSamples(m flow.Made) bool {
	return m.Kind == sampler.Stage.Name || m.Kind == givenSamples.Name
}
