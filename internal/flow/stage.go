package flow

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// A Kind is a stage not yet wired: how to make an artifact from others, given a
// config section.
type Kind[C any] struct {
	Name    string
	Version int // raised when equal inputs would come to mean another output

	// Run writes the artifact into out.Dir() from c and in alone. It returns
	// soon after ctx ends; what it committed as parts is kept.
	Run func(ctx context.Context, c C, in In, out *Out) error
}

// With wires k into a plan under a name, reading what the plan knows under the
// names in reads. An empty name in reads is an optional input left out.
func (k Kind[C]) With(c C, name string, reads ...string) Stage {
	run := func(ctx context.Context, in In, out *Out) error { return k.Run(ctx, c, in, out) }
	return Stage{Name: name, Kind: k.Name, Version: k.Version, Reads: reads, Config: c, run: run}
}

// A Stage is one entry of a plan: something to make, or a source.
type Stage struct {
	Name    string // unique in a plan
	Kind    string
	Version int
	Reads   []string // names of earlier stages and sources, in order
	Config  any      // as JSON it is part of the fingerprint: unexported fields are not

	run    func(ctx context.Context, in In, out *Out) error // nil for a source
	source string                                           // path of a source
}

// Source is an external file or folder, known to the plan under a name. Its
// fingerprint is its content: relative names, sizes and bytes. Symbolic links
// are followed; entries of a folder whose name begins with a dot are not part
// of it.
func Source(name, path string) Stage {
	return Stage{Name: name, Kind: "source", source: path}
}

// A Fingerprint names an artifact by what it is made from: equal means
// interchangeable.
type Fingerprint [sha256.Size]byte

// String is the fingerprint as 64 hex digits.
func (f Fingerprint) String() string { return hex.EncodeToString(f[:]) }

// Short is the first 8 hex digits, for names that people read.
func (f Fingerprint) Short() string { return f.String()[:8] }

// MarshalText writes the hex digits.
func (f Fingerprint) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (f *Fingerprint) UnmarshalText(text []byte) error {
	if hex.DecodedLen(len(text)) != len(f) {
		return fmt.Errorf("fingerprint %.80q: want %d hex digits", text, hex.EncodedLen(len(f)))
	}
	_, err := hex.Decode(f[:], text)
	return err
}

// fingerprint of a stage whose inputs are known. The display name is no part of
// it; an input left out is "", unless only such follow.
func (s Stage) fingerprint(inputs []input) (Fingerprint, error) {
	prints := []string{}
	for _, in := range inputs {
		if in.name == "" {
			prints = append(prints, "")
			continue
		}
		prints = append(prints, in.print.String())
	}
	for len(prints) > 0 && prints[len(prints)-1] == "" {
		prints = prints[:len(prints)-1]
	}
	b, err := json.Marshal([]any{s.Kind, s.Version, s.Config, prints})
	if err != nil {
		return Fingerprint{}, fmt.Errorf("stage %s: its config cannot be fingerprinted: %w", s.Name, err)
	}
	return sha256.Sum256(b), nil
}

// An input is one entry of a stage's Reads, resolved; the zero input is one
// left out.
type input struct {
	name  string
	print Fingerprint
	path  string
}

// In is what a stage reads.
type In struct{ inputs []input }

// Path is the folder of the input with that name, or the path of that source;
// "" if the stage does not read it.
func (in In) Path(name string) string { return in.find(name).path }

// Fingerprint of the input with that name; zero if the stage does not read it.
func (in In) Fingerprint(name string) Fingerprint { return in.find(name).print }

// At is the path of entry i of the stage's reads; "" for one left out. A stage
// that is used under many names finds its inputs by their place.
func (in In) At(i int) string {
	if i < 0 || i >= len(in.inputs) {
		return ""
	}
	return in.inputs[i].path
}

// Print is the fingerprint of entry i of the stage's reads; zero for one left
// out.
func (in In) Print(i int) Fingerprint {
	if i < 0 || i >= len(in.inputs) {
		return Fingerprint{}
	}
	return in.inputs[i].print
}

func (in In) find(name string) input {
	for _, i := range in.inputs {
		if i.name == name {
			return i
		}
	}
	return input{}
}
