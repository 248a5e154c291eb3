package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"radpo/pipeline"
)

// Lines are the flags of a verb on JSON lines.
type lines struct {
	model         pipeline.Model
	input, output string
}

func (l *lines) flags(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&l.model.Dir, "model", "m", "", "model folder, or name in the Hugging Face cache")
	cmd.Flags().StringVar(&l.model.Adapter, "adapter", "", "folder of a LoRA adapter on it, as PEFT saves them; --model may be one itself")
	cmd.Flags().StringVar(&l.input, "input", "-", "JSON lines to read; - is stdin")
	cmd.Flags().StringVar(&l.output, "output", "-", "file to write, whole or not at all; - is stdout")
	cmd.Flags().StringVar(&l.model.DType, "dtype", "", "float32 or bfloat16 (default: the folder's own, else float32)")
	cmd.Flags().StringVar(&l.model.Device, "device", "auto", "auto, cpu or cuda")
}

// needsModel makes --model required.
func (l *lines) needsModel(cmd *cobra.Command) {
	if err := cmd.MarkFlagRequired("model"); err != nil {
		panic(err) // a slip in flags
	}
}

// run calls fn with the input and the output.
func (l *lines) run(cmd *cobra.Command, fn func(context.Context, pipeline.Model, pipeline.Lines, io.Writer) error) error {
	in := pipeline.Lines{Name: "stdin", Reader: cmd.InOrStdin()}
	if l.input != "-" {
		f, err := os.Open(l.input)
		if err != nil {
			return &pipeline.InputError{Err: err}
		}
		defer f.Close()
		in = pipeline.Lines{Name: l.input, Reader: f}
	}
	if l.output == "-" {
		return fn(cmd.Context(), l.model, in, cmd.OutOrStdout())
	}
	return whole(l.output, func(w io.Writer) error { return fn(cmd.Context(), l.model, in, w) })
}

// whole calls fn with a file that takes path's place when all went well. What
// is no regular file, such as a pipe, is written as it is.
func whole(path string, fn func(io.Writer) error) error {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return &pipeline.InputError{Err: err}
		}
		return errors.Join(fn(f), f.Close())
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".part-*")
	if err != nil {
		return &pipeline.InputError{Err: err}
	}
	defer os.Remove(f.Name()) // gone already when all went well
	if err := errors.Join(fn(f), f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
