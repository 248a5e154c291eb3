package demo_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"radpo/demo"
)

func TestUnpack(t *testing.T) {
	var total int64
	for _, name := range []string{"policy", "reward"} {
		dir := filepath.Join(t.TempDir(), name)
		if err := demo.Unpack(name, dir); err != nil {
			t.Fatal(err)
		}
		weights := filepath.Join(dir, "model.safetensors")
		whole, err := os.Stat(weights)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range []string{"config.json", "tokenizer.json", "tokenizer_config.json"} {
			if _, err := os.Stat(filepath.Join(dir, file)); err != nil {
				t.Error(err)
			}
		}
		files, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			info, err := f.Info()
			if err != nil {
				t.Fatal(err)
			}
			total += info.Size()
		}

		if err := os.Remove(filepath.Join(dir, "config.json")); err != nil {
			t.Fatal(err)
		}
		if err := demo.Unpack(name, dir); err != nil {
			t.Fatalf("finishing an interrupted folder: %v", err)
		}
		if _, err := os.Stat(filepath.Join(dir, "config.json")); err != nil {
			t.Error(err)
		}
		if again, err := os.Stat(weights); err != nil || !os.SameFile(whole, again) {
			t.Error("weights that were whole were written again: what mapped them is lost")
		}
	}
	if total > 10e6 {
		t.Errorf("the models take %d bytes, want less than 10 MB", total)
	}
}

func TestUnpackUnknown(t *testing.T) {
	err := demo.Unpack("judge", t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "make demo-models") {
		t.Errorf("error %v, want one that names the way out", err)
	}
}
