package flow

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// A Store is a run folder, held by this process until Close. Its methods are
// for one goroutine at a time.
type Store struct {
	dir      string
	fs       fsys
	lock     *os.File
	manifest *journal[record]
	made     map[Fingerprint]record // the newest record of each artifact
	last     map[string]record      // the newest record under each stage name
	sources  *journal[sourceHash]
	hashes   map[string]sourceHash // by absolute path
}

// A record is what the manifest says of one artifact.
type record struct {
	Name        string                 `json:"name"` // of the stage that made it
	Fingerprint Fingerprint            `json:"fingerprint"`
	Kind        string                 `json:"kind"`
	Version     int                    `json:"version"`
	Config      json.RawMessage        `json:"config"`
	Inputs      map[string]Fingerprint `json:"inputs"`
	Files       []file                 `json:"files"`
	Seconds     float64                `json:"seconds"` // of the run that finished it
	Created     time.Time              `json:"created"`
}

// Open takes the run folder at dir, made if need be, and removes what killed
// runs left over. A second process gets a *BusyError.
func Open(dir string) (*Store, error) {
	s, err := open(dir, osFS{})
	if err != nil {
		return nil, fmt.Errorf("open run folder: %w", diskError(dir, err))
	}
	return s, nil
}

func open(dir string, fsys fsys) (_ *Store, err error) {
	dir, err = filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	s := &Store{dir: dir, fs: fsys, made: map[Fingerprint]record{}, last: map[string]record{}, hashes: map[string]sourceHash{}}
	for _, sub := range []string{"artifacts", "work"} {
		if err := makeDir(fsys, filepath.Join(dir, sub)); err != nil {
			return nil, err
		}
	}
	if s.lock, err = lock(dir); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if err := s.load(); err != nil {
		return nil, err
	}
	if err := s.sweep(); err != nil {
		return nil, err
	}
	return s, nil
}

// load reads the journals.
func (s *Store) load() error {
	manifest, records, err := openJournal[record](s.fs, filepath.Join(s.dir, "manifest.jsonl"))
	if err != nil {
		return err
	}
	for i, r := range records {
		if err := checkName(r.Name); err != nil { // names become paths
			return &CorruptError{Dir: s.dir, File: "manifest.jsonl", Why: fmt.Sprintf("line %d: %v", i+1, err), Hint: "restore the file"}
		}
		s.note(r)
	}
	sources, hashes, err := openJournal[sourceHash](s.fs, filepath.Join(s.dir, "sources.jsonl"))
	if err != nil {
		return err
	}
	for _, h := range hashes {
		s.hashes[h.Path] = h
	}
	s.manifest, s.sources = manifest, sources
	return nil
}

func (s *Store) note(r record) {
	s.made[r.Fingerprint] = r
	s.last[r.Name] = r
}

// sweep removes half-written outputs, and the work of artifacts that exist: a
// run died between their record and the removal.
func (s *Store) sweep() error {
	entries, err := os.ReadDir(filepath.Join(s.dir, "work"))
	if err != nil {
		return err
	}
	for _, e := range entries {
		work := filepath.Join(s.dir, "work", e.Name())
		var print Fingerprint
		if print.UnmarshalText([]byte(e.Name())) != nil {
			continue // not ours
		}
		stale := []string{filepath.Join(work, outDir)}
		if _, done := s.Path(print); done {
			stale[0] = work
		}
		for _, part := range partNames(work) {
			if strings.HasSuffix(part, tmpSuffix) {
				stale = append(stale, partDir(work, part))
			}
		}
		for _, path := range stale {
			if err := s.fs.removeAll(path); err != nil {
				return err
			}
		}
	}
	return nil
}

// work is the folder in which an artifact is made.
func (s *Store) work(print Fingerprint) string {
	return filepath.Join(s.dir, "work", print.String())
}

// Close gives the run folder back.
func (s *Store) Close() error { return unlock(s.lock) }

// Seconds is how long the stage ran that made an artifact; of an interrupted
// one, the run that finished it.
func (s *Store) Seconds(print Fingerprint) float64 { return s.made[print].Seconds }

// Created is when an artifact was finished.
func (s *Store) Created(print Fingerprint) time.Time { return s.made[print].Created }

// Inputs are the fingerprints of what an artifact was made from, sources among
// them, by their names in the plan that made it.
func (s *Store) Inputs(print Fingerprint) map[string]Fingerprint { return s.made[print].Inputs }

// Dir is the absolute path of the run folder.
func (s *Store) Dir() string { return s.dir }

// Path is the folder of an artifact, and whether there is one.
func (s *Store) Path(print Fingerprint) (string, bool) {
	r, ok := s.made[print]
	if !ok {
		return "", false
	}
	dir := s.folder(r.Name, print)
	_, err := os.Stat(dir)
	return dir, err == nil
}

func (s *Store) folder(name string, print Fingerprint) string {
	return filepath.Join(s.dir, "artifacts", name+"-"+print.Short())
}

// have says whether the artifact exists with the files on its record. One that
// differs is an error: it is never made again unasked.
func (s *Store) have(print Fingerprint) (bool, error) {
	r, ok := s.made[print]
	if !ok {
		return false, nil
	}
	err := checkSizes(s.folder(r.Name, print), r.Files)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

var nameRule = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$`)

// checkName refuses names that are no plain file name on every system.
func checkName(name string) error {
	if !nameRule.MatchString(name) || strings.HasSuffix(name, tmpSuffix) {
		return fmt.Errorf("name %.100q: want 1 to 100 of A-Z a-z 0-9 . _ -, not beginning with . or - nor ending in %s", name, tmpSuffix)
	}
	return nil
}
