package pipeline

import (
	"context"
	"errors"
	"io/fs"

	"radpo/internal/chat"
	"radpo/internal/hf"
	"radpo/internal/model"
	"radpo/internal/tokenizer"
	"radpo/internal/torch"
)

// A Model is the model folder that a verb works on.
type Model struct {
	Dir     string // a folder, or a name in the Hugging Face cache
	Adapter string // folder of an adapter on it; empty: none, unless Dir is one
	DType   string // float32 or bfloat16; empty: the folder's own, else float32
	Device  string // auto, cpu or cuda
}

// with opens the folder and calls fn with it and its torch dtype.
func (m Model) with(fn func(*hf.Folder, torch.DType) error) error {
	f, err := hf.OpenAdapted(m.Dir, m.Adapter)
	if err != nil {
		return &InputError{err}
	}
	defer f.Close()
	name, err := m.dtype(f)
	if err != nil {
		return &InputError{err}
	}
	d, err := model.DType(name)
	if err != nil {
		return &InputError{err}
	}
	return fn(f, d)
}

// dtype is the name of the dtype that the model computes in.
func (m Model) dtype(f *hf.Folder) (string, error) {
	if m.DType != "" {
		return m.DType, nil
	}
	c, err := f.Config()
	if err != nil {
		return "", err
	}
	if c.DType == "bfloat16" {
		return c.DType, nil
	}
	return "float32", nil
}

// run calls fn in a scope on the model's device.
func (m Model) run(ctx context.Context, fn func(*torch.Scope) error) error {
	device, err := torch.OpenDevice(m.Device)
	if err != nil {
		return &InputError{err}
	}
	return torch.Run(ctx, device, fn)
}

// runPolicy calls fn with the language model in f.
func (m Model) runPolicy(ctx context.Context, f *hf.Folder, d torch.DType, fn func(*torch.Scope, model.Policy) error) error {
	return m.run(ctx, func(s *torch.Scope) error {
		p, err := model.OpenPolicy(s, f, d, false)
		if err != nil {
			return &InputError{err}
		}
		return fn(s, p)
	})
}

// A text is what turns a model's ids into words and back. Its parts are read
// when first used: rows of ids need neither.
type text struct {
	folder   *hf.Folder
	tokens   *tokenizer.Tokenizer
	template *chat.Template
}

// tokenizer is the folder's, which must fit the model's vocabulary if there is
// a model.
func (t *text) tokenizer() (*tokenizer.Tokenizer, error) {
	if t.tokens != nil {
		return t.tokens, nil
	}
	tokens, err := tokenizer.Load(t.folder.FS())
	if err != nil {
		return nil, inputError("%s: %w", t.folder.Name(), err)
	}
	c, err := t.folder.Config()
	switch {
	case errors.Is(err, fs.ErrNotExist): // a tokenizer by itself
	case err != nil:
		return nil, &InputError{err}
	default:
		if err := tokens.Fits(c.VocabSize); err != nil {
			return nil, inputError("%s: %w", t.folder.Name(), err)
		}
	}
	t.tokens = tokens
	return tokens, nil
}

// optional is the folder's tokenizer, or nil when it has none.
func (t *text) optional() (*tokenizer.Tokenizer, error) {
	tokens, err := t.tokenizer()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return tokens, err
}

// chat is the folder's template with its tokenizer.
func (t *text) chat() (*chat.Template, *tokenizer.Tokenizer, error) {
	tokens, err := t.tokenizer()
	if err != nil || t.template != nil {
		return t.template, tokens, err
	}
	if t.template, err = chat.Load(t.folder.FS()); err != nil {
		return nil, nil, inputError("%s: %w", t.folder.Name(), err)
	}
	return t.template, tokens, nil
}
