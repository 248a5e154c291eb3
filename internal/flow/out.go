package flow

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"radpo/internal/progress"
)

const (
	tmpSuffix = ".tmp"
	outDir    = "out" + tmpSuffix
)

// Out is where a stage writes. Its methods are for one goroutine at a time.
type Out struct {
	fs      fsys
	work    string // the stage's folder under work
	parts   map[string]bool
	journal *journal[part]
}

// A part is what its journal says of one committed part.
type part struct {
	Name  string `json:"name"`
	Files []file `json:"files"`
}

// Dir is the folder of the artifact. It is empty when the stage starts, also
// after a kill, and becomes visible, whole, when the stage returns nil.
func (o *Out) Dir() string { return filepath.Join(o.work, outDir) }

// Commit makes a part of a long stage: write fills the folder it is given, and
// then the part is whole or absent and survives a kill. A part of that name
// that exists already is replaced. Parts go when the artifact is committed.
func (o *Out) Commit(name string, write func(dir string) error) error {
	if err := o.commit(name, write); err != nil {
		return fmt.Errorf("part %s: %w", name, err)
	}
	return nil
}

func (o *Out) commit(name string, write func(dir string) error) error {
	if err := checkName(name); err != nil {
		return err
	}
	tmp := partDir(o.work, name) + tmpSuffix
	if err := o.fs.removeAll(tmp); err != nil {
		return err
	}
	if err := makeDir(o.fs, tmp); err != nil {
		return err
	}
	if err := write(tmp); err != nil {
		return errors.Join(err, o.fs.removeAll(tmp))
	}
	files, err := seal(context.Background(), o.fs, tmp)
	if err != nil {
		return err
	}
	delete(o.parts, name)
	if err := move(o.fs, tmp, partDir(o.work, name)); err != nil {
		return err
	}
	if err := o.journal.add(part{Name: name, Files: files}); err != nil {
		return err
	}
	o.parts[name] = true
	return nil
}

// Ensure is the folder of a part: of the committed one, or of one that write
// fills and that is then committed. Old tells which.
func (o *Out) Ensure(name string, write func(dir string) error) (dir string, old bool, err error) {
	dir, old = o.Part(name)
	if !old {
		err = o.Commit(name, write)
	}
	return dir, old, err
}

// Part is the folder of a committed part. Parts of an earlier run were hashed
// when this one started; those that did not match their record are gone.
func (o *Out) Part(name string) (dir string, ok bool) {
	return partDir(o.work, name), o.parts[name]
}

// Parts lists the committed parts by name.
func (o *Out) Parts() []string { return slices.Sorted(maps.Keys(o.parts)) }

// Drop removes a part; one that does not exist is no error.
func (o *Out) Drop(name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	delete(o.parts, name)
	return o.fs.removeAll(partDir(o.work, name))
}

func partDir(work, name string) string { return filepath.Join(work, "parts", name) }

// partNames lists what stands among the parts of a work folder, whole or not.
func partNames(work string) (names []string) {
	entries, err := os.ReadDir(partDir(work, ""))
	if err != nil {
		return nil // no folder, no parts
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// openOut prepares the work folder of a stage: no output yet, and of the parts
// only those that are whole.
func openOut(ctx context.Context, fsys fsys, work string) (*Out, error) {
	o := &Out{fs: fsys, work: work, parts: map[string]bool{}}
	if err := fsys.removeAll(o.Dir()); err != nil {
		return nil, err
	}
	for _, dir := range []string{o.Dir(), partDir(o.work, "")} {
		if err := makeDir(fsys, dir); err != nil {
			return nil, err
		}
	}
	j, records, err := openJournal[part](fsys, filepath.Join(work, "parts.jsonl"))
	if err != nil {
		return nil, err
	}
	o.journal = j
	latest := map[string][]file{}
	for _, p := range records {
		latest[p.Name] = p.Files
	}
	return o, o.keepWhole(ctx, latest)
}

// keepWhole takes over the parts that are as recorded and removes the others.
func (o *Out) keepWhole(ctx context.Context, latest map[string][]file) error {
	names := partNames(o.work)
	bar := progress.Start(ctx, int64(len(names)), "parts checked")
	defer bar.Done()
	for _, name := range names {
		bar.Add(1)
		files, recorded := latest[name]
		whole, err := wholePart(ctx, partDir(o.work, name), files)
		if err != nil {
			return err
		}
		if recorded && whole {
			o.parts[name] = true
		} else if err := o.fs.removeAll(partDir(o.work, name)); err != nil {
			return err
		}
	}
	return nil
}

// wholePart says whether a part is as recorded. Unlike an artifact, a bad part
// is only work to do again; but failing to read it is an error.
func wholePart(ctx context.Context, dir string, files []file) (bool, error) {
	for _, err := range checkSums(ctx, dir, files) {
		if bad := (*CorruptError)(nil); !errors.As(err, &bad) && !errors.Is(err, fs.ErrNotExist) {
			return false, err
		}
		return false, nil
	}
	return true, nil
}
