package configs

import (
	"embed"
	"fmt"
	"strings"
)

//go:embed presets/*.yaml
var presets embed.FS

// Presets lists the names of the published runs that are built in.
func Presets() []string {
	files, err := presets.ReadDir("presets")
	if err != nil {
		panic(err) // embedded: cannot fail
	}
	var names []string
	for _, f := range files {
		names = append(names, strings.TrimSuffix(f.Name(), ".yaml"))
	}
	return names
}

// Preset returns the YAML of a published run, to hand to [Parse] or to start a
// file from.
func Preset(name string) ([]byte, error) {
	text, err := presets.ReadFile("presets/" + name + ".yaml")
	if err != nil {
		return nil, fmt.Errorf("no preset %s; choose %s", brief(name), orList(Presets()))
	}
	return text, nil
}
