package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"radpo/internal/hf"
	"radpo/internal/progress"
)

// Download brings the files that radpo reads of a model into the shared cache
// and returns its snapshot folder. What an earlier call got is kept, also parts
// of files. The revision points to the snapshot once all of it is there.
func (h *Hub) Download(ctx context.Context, name hf.Name) (string, error) {
	dir, err := h.download(ctx, name)
	if err != nil {
		return "", fmt.Errorf("download %s from %s: %w", name, h.endpoint, err)
	}
	return dir, nil
}

func (h *Hub) download(ctx context.Context, name hf.Name) (string, error) {
	sha, files, err := h.list(ctx, name)
	if err != nil {
		return "", err
	}
	if files, err = selected(files); err != nil {
		return "", err
	}
	cache, err := hf.CacheDir()
	if err != nil {
		return "", err
	}
	s, err := openStore(cache, name)
	if err != nil {
		return "", err
	}
	defer s.root.Close()
	display := progress.From(ctx)
	for i, file := range files {
		display.Stage(i+1, len(files), file)
		if err := h.get(ctx, s, name, sha, file); err != nil {
			return "", fmt.Errorf("%s: %w", file, err)
		}
		display.StageDone()
	}
	if err := s.refer(name.Revision, sha); err != nil {
		return "", err
	}
	return filepath.Join(cache, name.Folder(), "snapshots", sha), nil
}

// maxList bounds the answer that lists a repository's files.
const maxList = 16 << 20

// list is the commit of a revision and the names of its files.
func (h *Hub) list(ctx context.Context, name hf.Name) (sha string, files []string, err error) {
	var info struct {
		SHA      string `json:"sha"`
		Siblings []struct {
			Name string `json:"rfilename"`
		} `json:"siblings"`
	}
	at := h.endpoint.JoinPath("api/models", name.Repo, "revision").String() + "/" + url.PathEscape(name.Revision)
	err = h.persist(ctx, "list of files", func() error {
		answer, err := h.send(ctx, http.MethodGet, at, http.Header{})
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(io.LimitReader(answer.Body, maxList))
		if err != nil {
			return &passing{err: err}
		}
		if err := json.Unmarshal(text, &info); err != nil {
			return fmt.Errorf("the answer cannot be read; is this a hub? %w", err)
		}
		return nil
	})
	switch {
	case errors.Is(err, errNotFound):
		return "", nil, errors.New("no such model or revision (404); check the name on the hub")
	case err != nil:
		return "", nil, err
	case !hf.IsCommit(info.SHA):
		return "", nil, errors.New("the answer names no commit; is this a hub?")
	}
	for _, s := range info.Siblings {
		files = append(files, s.Name)
	}
	return info.SHA, files, nil
}

// read are the files that radpo opens or copies. No pattern matches a slash, so
// that no name leaves the snapshot.
var read = []string{
	"config.json", "generation_config.json", "adapter_config.json",
	"tokenizer*", "special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt", "chat_template*",
	"*.safetensors", "model.safetensors.index.json",
}

// selected are the files to take, the large ones last. Without safetensors it
// is an error, which says how to convert what there is.
func selected(files []string) ([]string, error) {
	var small, weights []string
	for _, name := range files {
		switch {
		case !matches(name) || strings.HasPrefix(name, "consolidated"): // the weights a second time, in Mistral's own form
		case path.Ext(name) == ".safetensors":
			weights = append(weights, name)
		default:
			small = append(small, name)
		}
	}
	if len(weights) == 0 {
		if err := hf.RefusePickled(files); err != nil {
			return nil, err
		}
		return nil, errors.New("it has no safetensors weights")
	}
	slices.Sort(small)
	slices.Sort(weights)
	return slices.Compact(append(small, weights...)), nil
}

func matches(name string) bool {
	clean := !strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == '\\' || r > '~' })
	return clean && len(name) <= 200 && slices.ContainsFunc(read, func(pattern string) bool {
		ok, _ := path.Match(pattern, name) // the patterns are well formed
		return ok
	})
}
