package hf

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

var (
	repoName = regexp.MustCompile(`^[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*$`)
	revision = regexp.MustCompile(`^[0-9a-f]{40}$`)
)

// findCached is the snapshot folder of branch main of a model in the shared
// cache, whose layout the Hub documentation gives under "Hub local cache".
func findCached(name string) (string, error) {
	if !repoName.MatchString(name) {
		return "", fmt.Errorf("no such folder: %w", os.ErrNotExist)
	}
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	repo := filepath.Join(cache, "models--"+strings.ReplaceAll(name, "/", "--"))
	ref, err := os.ReadFile(filepath.Join(repo, "refs", "main"))
	if os.IsNotExist(err) {
		return "", fmt.Errorf("neither a folder nor in the Hugging Face cache %s; fetch it with: hf download %s: %w", cache, name, err)
	} else if err != nil {
		return "", err
	}
	sha := strings.TrimSpace(string(ref))
	if !revision.MatchString(sha) {
		return "", fmt.Errorf("%s: want a commit of 40 hex digits, got %.50q", filepath.Join(repo, "refs", "main"), sha)
	}
	return filepath.Join(repo, "snapshots", sha), nil
}

// cacheDir follows huggingface_hub's constants.py.
func cacheDir() (string, error) {
	if dir := os.Getenv("HF_HUB_CACHE"); dir != "" {
		return dir, nil
	}
	if home := os.Getenv("HF_HOME"); home != "" {
		return filepath.Join(home, "hub"), nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the Hugging Face cache: %w; set HF_HOME", err)
	}
	return filepath.Join(dir, "huggingface", "hub"), nil
}
