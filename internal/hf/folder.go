package hf

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// A Folder is an open model folder. Its methods may be used from several
// goroutines.
type Folder struct {
	name string
	root *os.Root // the folder, or the repository of the cache that holds it
	dir  string   // the folder below root
	load func() ([]Tensor, error)

	overlay *Folder // an adapter; nil: none
	mapped  []*File // what load opened, in its order
}

// Open opens a model folder, or the cached snapshot of a name such as
// "org/name" or "org/name@revision" in the shared Hugging Face cache. It never
// uses the network.
func Open(name string) (*Folder, error) {
	dir := name
	if info, err := os.Stat(name); err != nil {
		if dir, err = findCached(name); err != nil {
			return nil, fmt.Errorf("open model %s: %w", name, err)
		}
	} else if !info.IsDir() {
		return nil, fmt.Errorf("open model %s: not a folder; give the folder that holds config.json", name)
	}
	f, err := openDir(dir)
	if err != nil {
		return nil, fmt.Errorf("open model %s: %w", name, err)
	}
	f.name = name
	return f, nil
}

// openDir roots a folder at itself. The files of a cache snapshot are links
// into blobs/ beside snapshots/, so a snapshot is rooted at its repository.
func openDir(dir string) (*Folder, error) {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	f := &Folder{dir: "."}
	snapshots := filepath.Dir(dir)
	repo := filepath.Dir(snapshots)
	if filepath.Base(snapshots) == "snapshots" && strings.HasPrefix(filepath.Base(repo), "models--") {
		f.dir = path.Join("snapshots", filepath.Base(dir))
		dir = repo
	}
	if f.root, err = os.OpenRoot(dir); err != nil {
		return nil, err
	}
	f.load = sync.OnceValues(f.mapWeights)
	return f, nil
}

// Name is the path or repository name that Open was given.
func (f *Folder) Name() string { return f.name }

// Path is the folder's absolute path, in the cache for a repository name.
func (f *Folder) Path() string { return filepath.Join(f.root.Name(), filepath.FromSlash(f.dir)) }

// Close unmaps the weights: no tensor of the folder may be used afterwards.
func (f *Folder) Close() error {
	f.load = func() ([]Tensor, error) { return nil, fmt.Errorf("model %s: %w", f.name, os.ErrClosed) }
	errs := []error{f.root.Close()}
	if f.overlay != nil {
		errs = append(errs, f.overlay.Close())
	}
	for _, file := range f.mapped {
		errs = append(errs, file.Close())
	}
	f.mapped = nil
	return errors.Join(errs...)
}

// FS serves the regular files of the folder by name, for loaders of tokenizers
// and chat templates. Other kinds of files do not open.
func (f *Folder) FS() fs.FS { return folderFS{f} }

type folderFS struct{ *Folder }

func (f folderFS) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	return f.open(name)
}

// open opens a regular file. The kind is looked at before opening, as opening
// a device may act on it, and again after, as the file may have been replaced;
// O_NONBLOCK keeps a pipe from hanging the process in between.
func (f *Folder) open(name string) (*os.File, error) {
	at := path.Join(f.dir, name)
	info, err := f.root.Stat(at)
	if failed := (*fs.PathError)(nil); errors.As(err, &failed) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: failed.Err}
	} else if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, irregular(name)
	}
	file, err := f.root.OpenFile(at, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if info, err = file.Stat(); err != nil || !info.Mode().IsRegular() {
		file.Close()
		return nil, errors.Join(err, irregular(name))
	}
	return file, nil
}

func irregular(name string) error {
	return &fs.PathError{Op: "open", Path: name, Err: errors.New("not a regular file")}
}

// maxText bounds config.json and the index; a real index of a thousand layers
// is below 10 MB.
const maxText = 64 << 20

// readText reads a small file whole.
func (f *Folder) readText(name string) ([]byte, error) {
	file, err := f.open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxText+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxText {
		return nil, fmt.Errorf("%s: larger than %d bytes", name, maxText)
	}
	return text, nil
}

// names lists the folder.
func (f *Folder) names() ([]string, error) {
	dir, err := f.root.Open(f.dir)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	slices.Sort(names)
	return names, err
}
