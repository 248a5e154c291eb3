package flow

import (
	"encoding/json"
	"path/filepath"
)

// Made is what a run folder's manifest says of one artifact.
type Made struct {
	Name   string // of the stage that made it
	Kind   string
	Config json.RawMessage
	Dir    string        // its folder, which may have been deleted since
	Inputs []Fingerprint // of the artifacts and sources that it was made from, in no order
	Print  Fingerprint
}

// ReadManifest lists the artifacts of the run folder at dir, each once, without
// taking the folder: a run may be under way.
func ReadManifest(dir string) ([]Made, error) {
	_, records, err := openJournal[record](osFS{}, filepath.Join(dir, "manifest.jsonl"))
	if err != nil {
		return nil, err
	}
	s := &Store{dir: dir, made: map[Fingerprint]record{}}
	var all []Made
	for _, r := range records {
		if err := checkName(r.Name); err != nil { // names become paths
			return nil, &CorruptError{Dir: dir, File: "manifest.jsonl", Why: err.Error(), Hint: "restore the file"}
		}
		if _, again := s.made[r.Fingerprint]; again {
			continue
		}
		s.made[r.Fingerprint] = r
		m := Made{Name: r.Name, Kind: r.Kind, Config: r.Config, Dir: s.folder(r.Name, r.Fingerprint), Print: r.Fingerprint}
		for _, print := range r.Inputs {
			m.Inputs = append(m.Inputs, print)
		}
		all = append(all, m)
	}
	return all, nil
}
