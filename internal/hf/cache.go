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
	refName  = regexp.MustCompile(`^\w[\w.+-]*(/\w[\w.+-]*)*$`) // no part of it is "..", none empty
	commit   = regexp.MustCompile(`^[0-9a-f]{40}$`)
)

// A Name is what the Hub calls a version of a model.
type Name struct {
	Repo     string // "org/name"
	Revision string // a branch, a tag, a reference such as refs/pr/1, or a commit
}

// ParseName reads org/name or org/name@revision; the revision is main if none
// is given. No part of a name leaves the folder that it is joined to.
func ParseName(text string) (Name, error) {
	repo, revision, ok := strings.Cut(text, "@")
	if !ok {
		revision = "main"
	}
	if !repoName.MatchString(repo) || !refName.MatchString(revision) {
		return Name{}, fmt.Errorf("%.200q: want org/name or org/name@revision", text)
	}
	return Name{repo, revision}, nil
}

// String is the name as ParseName reads it, without a revision for main.
func (n Name) String() string {
	if n.Revision == "main" {
		return n.Repo
	}
	return n.Repo + "@" + n.Revision
}

// Folder is the folder of the model below [CacheDir].
func (n Name) Folder() string { return "models--" + strings.ReplaceAll(n.Repo, "/", "--") }

// IsCommit tells a commit from a branch or tag.
func IsCommit(revision string) bool { return commit.MatchString(revision) }

// findCached is the snapshot folder of a model in the shared cache, whose
// layout the Hub documentation gives under "Hub local cache".
func findCached(text string) (string, error) {
	name, err := ParseName(text)
	if err != nil {
		return "", fmt.Errorf("no such folder: %w", os.ErrNotExist)
	}
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	repo := filepath.Join(cache, name.Folder())
	sha, err := name.resolve(repo)
	dir := filepath.Join(repo, "snapshots", sha)
	if err == nil {
		_, err = os.Stat(dir)
	}
	if os.IsNotExist(err) {
		return "", fmt.Errorf("neither a folder nor in the Hugging Face cache %s; fetch it with: radpo download %s: %w", cache, name, os.ErrNotExist)
	}
	return dir, err
}

// Found is how another finds f: its name in the Hub and its commit, or the
// absolute path of a folder that lies elsewhere.
func (f *Folder) Found() (name, revision string) {
	repo, cached := strings.CutPrefix(filepath.Base(f.root.Name()), "models--")
	if sha := filepath.Base(f.Path()); cached && IsCommit(sha) {
		return strings.Replace(repo, "--", "/", 1), sha
	}
	return f.Path(), ""
}

// resolve is the commit that a revision stands for in a cached repository.
func (n Name) resolve(repo string) (string, error) {
	if IsCommit(n.Revision) {
		return n.Revision, nil
	}
	path := filepath.Join(repo, "refs", filepath.FromSlash(n.Revision))
	ref, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	sha := strings.TrimSpace(string(ref))
	if !IsCommit(sha) {
		return "", fmt.Errorf("%s: want a commit of 40 hex digits, got %.50q", path, sha)
	}
	return sha, nil
}

// CacheDir is the folder of cached models, found as huggingface_hub's
// constants.py does.
func CacheDir() (string, error) {
	for _, env := range []string{"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"} {
		if dir := os.Getenv(env); dir != "" {
			return dir, nil
		}
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
