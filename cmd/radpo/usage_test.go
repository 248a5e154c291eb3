package main

import (
	"bytes"
	"strings"
	"testing"
)

// TestUsage: what a command line says, on which stream, and its exit status.
func TestUsage(t *testing.T) {
	tests := map[string]struct {
		args           string
		status         int
		stdout, stderr string
	}{
		"nothing":      {"", done, "A stage on files:", ""},
		"help":         {"--help", done, "  generate ", ""},
		"version":      {"--version", done, "libtorch 2.11.0", ""},
		"unknown verb": {"frobnicate", misused, "", `unknown command "frobnicate"`},
		"missing flag": {"generate", misused, "", "radpo: required flag(s) \"model\" not set\nradpo: see radpo generate --help\n"},
		"unknown flag": {"generate --model m --greddy", misused, "", "unknown flag: --greddy"},
		"wrong type":   {"generate --model m --n two", misused, "", `invalid argument "two" for "-n, --n"`},
		"n":            {"generate --model m --n 0", misused, "", "--n: want at least 1"},
		"max tokens":   {"generate --model m --max-tokens 0", misused, "", "--max-tokens: want at least 1"},
		"temperature":  {"generate --model m --temperature NaN", misused, "", "--temperature: want 0 to 100"},
		"top p":        {"generate --model m --top-p 1.5", misused, "", "--top-p: want above 0 and at most 1"},
		"top k":        {"generate --model m --top-k -1", misused, "", "--top-k: want 0 or more"},
		"both":         {"generate --model m --greedy --temperature 1", misused, "", "greedy temperature"},
		"two configs":  {"run a.yaml b.yaml", misused, "", "accepts at most 1 arg"},
		"kind":         {"rank --kind armorm --prompts p --samples s --out o", misused, "", `--kind "armorm": want rule`},
		"no ranker":    {"eval --model m --prompts p --out o", misused, "", "ranker kind"},
		"goal":         {"sample --model m --prompts p --out o --goal ten", misused, "", "--goal ten: want a number"},
		"preset":       {"init --preset llama3-8b-armorm-ra", done, "\nmodel: meta-llama/Meta-Llama-3-8B-Instruct", ""},
		"no preset":    {"init --preset nothing", misused, "", `no preset "nothing"; choose`},
		"no model":     {"train --model ./nowhere --pairs p --out o", misused, "", "open model ./nowhere: no such folder"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var out, log bytes.Buffer
			got := run(strings.Fields(test.args), strings.NewReader(""), &out, &log)
			if got != test.status {
				t.Errorf("status %d, want %d", got, test.status)
			}
			if !strings.Contains(out.String(), test.stdout) || test.stdout == "" && out.Len() > 0 {
				t.Errorf("stdout %q, want %q in it", out.String(), test.stdout)
			}
			if !strings.Contains(log.String(), test.stderr) || test.stderr == "" && log.Len() > 0 {
				t.Errorf("stderr %q, want %q in it", log.String(), test.stderr)
			}
		})
	}
}
