package table_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"radpo/internal/table"
)

// python runs a script with the interpreter that RADPO_PYTHON names, which
// must have datasets and pyarrow, and returns what it prints.
func python(t *testing.T, script string, args ...string) []byte {
	t.Helper()
	exe := os.Getenv("RADPO_PYTHON")
	if exe == "" {
		t.Skip("set RADPO_PYTHON to a Python that has datasets 5.2.0 to compare with it")
	}
	cmd := exec.Command(exe, append([]string{"-c", script}, args...)...)
	cmd.Env = append(os.Environ(), "HF_HUB_OFFLINE=1", "HF_DATASETS_DISABLE_PROGRESS_BARS=1", "HF_HOME="+t.TempDir())
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// loadScript loads the folders argv[1:], prints their rows and, as pyarrow sees
// it, their metadata (datasets puts its own in place), and saves each again.
const loadScript = `
import glob, json, sys
import pyarrow as pa
from datasets import load_from_disk
out = {}
for path in sys.argv[1:]:
    d = load_from_disk(path)
    schema = pa.ipc.open_stream(glob.glob(path + "/*.arrow")[0]).schema
    out[path] = {"rows": d.to_list(), "meta": {k.decode(): v.decode() for k, v in schema.metadata.items()}}
    d.map(lambda r: r).save_to_disk(path + ".saved")
print(json.dumps(out))
`

// TestDatasets has the datasets library open a folder of every row type, and
// opens what it saves.
func TestDatasets(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	meta := map[string]string{"fingerprint": "f00"}
	write(t, at("everything"), meta, draw[everything](1500))
	write(t, at("empty"), meta, []table.Pair(nil))
	write(t, at("prompts"), meta, draw[table.Prompt](50))
	write(t, at("samples"), meta, draw[table.Sample](50))
	write(t, at("scores"), meta, draw[table.Score](50))
	write(t, at("pairs"), meta, draw[table.Pair](50))
	write(t, at("refs"), meta, draw[table.Ref](50))
	write(t, at("report"), meta, draw[table.Measure](50))
	out := python(t, loadScript, at("everything"), at("empty"), at("prompts"), at("samples"), at("scores"), at("pairs"), at("refs"), at("report"))
	var seen map[string]struct {
		Rows []json.RawMessage
		Meta map[string]string
	}
	if err := json.Unmarshal(out, &seen); err != nil {
		t.Fatal(err)
	}
	if got := seen[at("pairs")]; len(got.Rows) != 50 || got.Meta["fingerprint"] != "f00" || got.Meta["row_type"] != "Pair" {
		t.Errorf("datasets sees %d rows with metadata %v", len(got.Rows), got.Meta)
	}
	if got := len(seen[at("empty")].Rows); got != 0 {
		t.Errorf("datasets sees %d rows in an empty table", got)
	}
	var first struct {
		ID       string          `json:"prompt_id"`
		Messages []table.Message `json:"messages"`
	}
	if err := json.Unmarshal(seen[at("prompts")].Rows[7], &first); err != nil {
		t.Fatal(err)
	}
	want := draw[table.Prompt](50)[7]
	if first.ID != want.ID || !cmp.Equal(first.Messages, want.Messages, cmpopts.EquateEmpty()) {
		t.Errorf("datasets sees %+v, want %+v", first, want)
	}
	reread(t, at("everything.saved"), draw[everything](1500))
	reread(t, at("pairs.saved"), draw[table.Pair](50))
}

func reread[R any](t *testing.T, dir string, want []R) {
	t.Helper()
	got, err := table.ReadAll[R](dir)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(got, want, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("what datasets saved in %s (-got +want):\n%s", dir, d)
	}
}
