package flow

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// journalText is a journal of the given records, as add writes it.
func journalText(t testing.TB, records ...string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "j")
	j, _, err := openJournal[string](osFS{}, path)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if err := j.add(r); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestJournalAfterACrash(t *testing.T) {
	whole := journalText(t, "one", "two")
	first := bytes.IndexByte(whole, '\n') + 1
	flipped := bytes.Clone(whole)
	flipped[first-5] ^= 1
	zeros := bytes.Clone(whole)
	clear(zeros[first+4 : first+20])
	tests := []struct {
		name string
		text []byte
		want []string
		err  string
	}{
		{"whole", whole, []string{"one", "two"}, ""},
		{"torn", whole[:len(whole)-4], []string{"one"}, ""},
		{"no newline", whole[:len(whole)-1], []string{"one"}, ""},
		{"never written", zeros, []string{"one"}, ""},
		{"zeros after", append(bytes.Clone(whole), make([]byte, 9)...), []string{"one", "two"}, ""},
		{"empty", nil, nil, ""},
		{"changed", flipped, nil, "line 1: its checksum does not match"},
		{"changed at the end", bytes.Replace(whole, []byte(`"two"`), []byte(`"tow"`), 1), nil, "line 2: its checksum"},
		{"no journal", []byte("hello\n"), nil, "line 1: invalid character"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "j")
			if err := os.WriteFile(path, tt.text, 0o666); err != nil {
				t.Fatal(err)
			}
			j, got, err := openJournal[string](osFS{}, path)
			if tt.err != "" {
				bad := (*CorruptError)(nil)
				if !errors.As(err, &bad) || bad.File != "j" || !strings.Contains(bad.Why, tt.err) {
					t.Fatalf("opening says %v, want %q", err, tt.err)
				}
				return
			}
			if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
				t.Fatalf("error %v, records (-want +got):\n%s", err, diff)
			}
			if err := j.add("next"); err != nil {
				t.Fatal(err)
			}
			_, got, err = openJournal[string](osFS{}, path)
			if diff := cmp.Diff(append(tt.want, "next"), got); err != nil || diff != "" {
				t.Errorf("after one more: error %v, records (-want +got):\n%s", err, diff)
			}
		})
	}
}

func FuzzJournal(f *testing.F) {
	whole := journalText(f, "one", "two")
	f.Add(whole)
	f.Add(whole[:len(whole)-3])
	f.Add([]byte("{}\n\x00\n"))
	f.Add([]byte(`{"sum":"","record":null}` + "\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		records, size, err := parseJournal[record](data)
		if err != nil {
			return
		}
		if size > int64(len(data)) {
			t.Fatalf("%d of %d bytes are whole lines", size, len(data))
		}
		again, _, err := parseJournal[record](data[:size])
		if diff := cmp.Diff(records, again); err != nil || diff != "" {
			t.Errorf("the whole lines alone: error %v, records (-want +got):\n%s", err, diff)
		}
	})
}
