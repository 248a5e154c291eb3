package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// parseDecoder reads the decoder section, of which there are three shapes.
func parseDecoder(raw json.RawMessage, v *vocabulary) (d decoder, err error) {
	shape, parts, err := flatten(raw, "decoders")
	if err == nil {
		switch shape {
		case "ByteLevel":
			d, err = newBytesJoined(v), strict(parts[0], new(byteLevelSpec))
		case "Replace ByteFallback Fuse", "Replace ByteFallback Fuse Strip":
			d, err = parseByteFallback(parts, v)
		case "Metaspace":
			d, err = parseTextsJoined(parts[0], v)
		case "":
			err = errors.New("missing")
		default:
			err = fmt.Errorf("%.200q is not supported", shape)
		}
	}
	if err != nil {
		return d, fmt.Errorf("decoder: %w", err)
	}
	return d, nil
}

func newBytesJoined(v *vocabulary) decoder {
	d := decoder{kind: bytesJoined, texts: make([]string, len(v.tokens))}
	for id, token := range v.tokens {
		d.texts[id], _ = tokenBytes(token)
	}
	return d
}

func parseByteFallback(parts []json.RawMessage, v *vocabulary) (d decoder, err error) {
	var replace replaceSpec
	if err := strict(parts[0], &replace); err != nil {
		return d, err
	}
	if p := replace.Pattern; p.String == nil || *p.String != metaspace || p.Regex != nil || replace.Content != " " {
		return d, errors.New("Replace is supported only from metaspace to space")
	}
	for _, part := range parts[1:3] {
		if err := strict(part, new(typeOnly)); err != nil {
			return d, err
		}
	}
	if len(parts) == 4 {
		var strip struct {
			Type    string `json:"type"`
			Content string `json:"content"`
			Start   int    `json:"start"`
			Stop    int    `json:"stop"`
		}
		if err := strict(parts[3], &strip); err != nil {
			return d, err
		}
		if strip.Content != " " || strip.Start != 1 || strip.Stop != 0 {
			return d, errors.New("Strip is supported only for one space at the start")
		}
		d.strip = true
	}
	d.kind, d.texts, d.bytes = byteFallback, spacedTexts(v), make([]int16, len(v.tokens))
	for id, token := range v.tokens {
		d.bytes[id] = byteToken(token)
	}
	return d, nil
}

func parseTextsJoined(raw json.RawMessage, v *vocabulary) (d decoder, err error) {
	w, err := parseMetaspace(raw)
	if err != nil {
		return d, err
	}
	return decoder{texts: spacedTexts(v), bare: w.scheme != never}, nil
}

// spacedTexts is every token with spaces for metaspaces.
func spacedTexts(v *vocabulary) []string {
	texts := make([]string, len(v.tokens))
	for id, token := range v.tokens {
		texts[id] = strings.ReplaceAll(token, metaspace, " ")
	}
	return texts
}

// byteToken is the byte that a token such as <0x0A> stands for, or -1.
func byteToken(token string) int16 {
	if len(token) != 6 || token[:3] != "<0x" || token[5] != '>' {
		return -1
	}
	b, err := strconv.ParseUint(token[3:5], 16, 8)
	if err != nil {
		return -1
	}
	return int16(b)
}
