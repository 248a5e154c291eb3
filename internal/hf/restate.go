package hf

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// configNames are the names that config.json has for element types.
var configNames = map[DType]string{F64: "float64", F32: "float32", F16: "float16", BF16: "bfloat16"}

// dtypeOf is config.json's name for the element type that all tensors have, or
// "" when they differ or have none that a config names.
func dtypeOf(tensors []Tensor) string {
	if len(tensors) == 0 || slices.ContainsFunc(tensors, func(t Tensor) bool { return t.DType != tensors[0].DType }) {
		return ""
	}
	return configNames[tensors[0].DType]
}

// restate is config.json's text with dtype as the value of dtype and of
// torch_dtype, where these keys are present; all else stays byte for byte.
func restate(config []byte, dtype string) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(config))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, errors.New("config.json: want a JSON object")
	}
	var out []byte
	copied := int64(0)
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("config.json: %w", err)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, fmt.Errorf("config.json: %w", err)
		}
		if key == "dtype" || key == "torch_dtype" {
			end := d.InputOffset()
			out = strconv.AppendQuote(append(out, config[copied:end-int64(len(value))]...), dtype)
			copied = end
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	return append(out, config[copied:]...), nil
}
