package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"radpo/configs"
	"radpo/pipeline"
)

// demoRun is the preset of the run on what the binary brings along.
const demoRun = "demo"

// A target is a configuration and its run folder as flags and arguments say.
type target struct {
	sets []string
	out  string
}

func (t *target) flags(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&t.sets, "set", nil, "override a key of the configuration, as dpo.beta=0.05; may repeat")
	cmd.Flags().StringVarP(&t.out, "out", "o", "", "run folder (default runs/NAME for NAME.yaml)")
}

// resolve reads the configuration named by args: a file, a run folder, which
// keeps its own, or none for the built-in demo.
func (t *target) resolve(args []string) (pipeline.Run, error) {
	if len(args) == 0 {
		text, err := configs.Preset(demoRun)
		if err != nil {
			return pipeline.Run{}, &pipeline.InputError{Err: err}
		}
		c, err := configs.Parse(demoRun+".yaml", text, t.sets)
		return pipeline.Run{Config: c, Dir: t.folder(filepath.Join("runs", demoRun))}, err
	}
	path := args[0]
	folder := filepath.Join("runs", strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)))
	if run, is := runFolder(path); is {
		folder, path = run, filepath.Join(run, pipeline.ConfigFile)
	}
	c, err := configs.Load(path, t.sets)
	if unreadable := (*fs.PathError)(nil); errors.As(err, &unreadable) {
		err = &pipeline.InputError{Err: fmt.Errorf("%w: give a configuration file or a run folder", err)}
	}
	return pipeline.Run{Config: c, Dir: t.folder(folder)}, err
}

// runFolder is the run folder that path names: itself, or its configuration's.
func runFolder(path string) (string, bool) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return path, true
	}
	dir := filepath.Dir(path)
	return dir, pipeline.IsRun(dir) && filepath.Base(path) == pipeline.ConfigFile
}

func (t *target) folder(otherwise string) string {
	if t.out != "" {
		return t.out
	}
	return otherwise
}
