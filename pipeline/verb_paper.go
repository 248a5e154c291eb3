package pipeline

import (
	"io"
	"os"
	"path/filepath"

	"radpo/eval"
)

// StudyFolder is where the paper's experiments lie unless a flag says otherwise.
var StudyFolder = filepath.Join("runs", "study")

// A Finding is what an experiment of the paper came to.
type Finding struct {
	Page   eval.Page
	Result eval.Result
	Items  []eval.Item
}

// Show saves the finding into a folder, writes its page, or its result as JSON,
// to w, and returns the verdict on its claims.
func (f Finding) Show(dir string, asJSON bool, w io.Writer) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return &InputError{err}
	}
	if err := f.Page.Save(dir, f.Result, f.Items); err != nil {
		return err
	}
	ending := ".md"
	if asJSON {
		ending = ".json"
	}
	text, err := os.ReadFile(filepath.Join(dir, f.Page.Name+ending))
	if err != nil {
		return err
	}
	if _, err := w.Write(text); err != nil {
		return wrapWrite(err)
	}
	return f.Page.Verdict()
}
