package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// file is tokenizer.json. Truncation and padding are not applied: transformers
// sets both anew at every call, whatever the file says.
type file struct {
	Version       string          `json:"version"`
	Truncation    json.RawMessage `json:"truncation"`
	Padding       json.RawMessage `json:"padding"`
	AddedTokens   []addedSpec     `json:"added_tokens"`
	Normalizer    json.RawMessage `json:"normalizer"`
	PreTokenizer  json.RawMessage `json:"pre_tokenizer"`
	PostProcessor json.RawMessage `json:"post_processor"`
	Decoder       json.RawMessage `json:"decoder"`
	Model         json.RawMessage `json:"model"`
}

// Parse builds a tokenizer from the bytes of a tokenizer.json. What it does
// not know is an error that names it.
func Parse(data []byte) (*Tokenizer, error) {
	t, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %s: %w", fileName, err)
	}
	return t, nil
}

func parse(data []byte) (*Tokenizer, error) {
	if len(data) > maxFile {
		return nil, fmt.Errorf("longer than %d bytes", maxFile)
	}
	if !utf8.Valid(data) {
		return nil, errors.New("not UTF-8")
	}
	var f file
	if err := strict(data, &f); err != nil {
		return nil, err
	}
	if f.Version != "1.0" {
		return nil, fmt.Errorf("version %.20q is not known, want 1.0", f.Version)
	}
	t := &Tokenizer{free: make(encoders, maxEncoders)}
	var err error
	if t.normalize, err = parseNormalizer(f.Normalizer); err != nil {
		return nil, err
	}
	if t.words, err = parseWords(f.PreTokenizer); err != nil {
		return nil, err
	}
	if err := t.words.suits(t.normalize); err != nil {
		return nil, err
	}
	if err := t.parseModel(f.Model); err != nil {
		return nil, err
	}
	if t.raw, t.normalized, err = cutters(f.AddedTokens, t.vocabulary, t.normalize); err != nil {
		return nil, err
	}
	if t.template, err = parseTemplate(f.PostProcessor, t.vocabulary); err != nil {
		return nil, err
	}
	if t.decoder, err = parseDecoder(f.Decoder, t.vocabulary); err != nil {
		return nil, err
	}
	return t, nil
}

// parseModel reads the model section into the model and its vocabulary.
func (t *Tokenizer) parseModel(raw json.RawMessage) error {
	kind, err := partType(raw)
	if err != nil {
		return fmt.Errorf("model: %w", err)
	}
	switch kind {
	case "BPE":
		var spec bpeSpec
		if err := strict(raw, &spec); err != nil {
			return err
		}
		if err := spec.check(); err != nil {
			return err
		}
		t.vocabulary = &spec.Vocab
		if t.words.kind == byteLevelWords {
			t.model, err = newByteLevel(&spec)
		} else {
			t.model, err = newSentencePiece(&spec, t.words)
		}
		return err
	case "Unigram":
		var spec unigramSpec
		if err := strict(raw, &spec); err != nil {
			return err
		}
		if t.vocabulary, err = spec.vocabulary(); err != nil {
			return err
		}
		if t.words.kind != metaspaceWords {
			return errors.New("Unigram without the Metaspace pre_tokenizer is not supported")
		}
		t.model, err = newUnigram(&spec)
		return err
	}
	return fmt.Errorf("model: type %.40q is not supported, BPE and Unigram are", kind)
}
