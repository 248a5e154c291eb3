package dpo

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"

	"radpo/internal/events"
)

// EventsFile is the curve as TensorBoard reads it.
const EventsFile = "events.out." + events.Suffix

// A curve writes a training's steps while it goes on: a line of metrics.jsonl
// each, and an event. Both begin anew with the first step when a training is
// gone on with.
type curve struct {
	lines, file *os.File
	events      *events.Writer
}

func newCurve(dir string) (*curve, error) {
	var c curve
	var err error
	if c.lines, err = os.Create(filepath.Join(dir, MetricsFile)); err != nil {
		return nil, err
	}
	if c.file, err = os.Create(filepath.Join(dir, EventsFile)); err == nil {
		c.events, err = events.NewWriter(c.file)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return &c, nil
}

func (c *curve) add(m Step) error {
	line, err := json.Marshal(m)
	if err != nil {
		return err
	}
	scalars, err := m.scalars()
	if err != nil {
		return err
	}
	_, err = c.lines.Write(append(line, '\n'))
	return errors.Join(err, c.events.Step(m.Step, scalars, m.Warnings))
}

func (c *curve) Close() error { return errors.Join(c.lines.Close(), c.file.Close()) }
