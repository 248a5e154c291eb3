package hf

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// A scanner reads JSON of a known form token by token, so that nothing is
// taken that the form does not allow: encoding/json alone lets duplicate keys,
// keys in another case, surplus array elements and null pass.
type scanner struct{ *json.Decoder }

func newScanner(text []byte) (scanner, error) {
	if !utf8.Valid(text) {
		return scanner{}, errors.New("not UTF-8")
	}
	s := scanner{json.NewDecoder(bytes.NewReader(text))}
	s.UseNumber()
	return s, nil
}

// object reads an object and calls value at each of its values.
func (s scanner) object(value func(key string) error) error {
	if err := s.delim('{'); err != nil {
		return err
	}
	seen := map[string]bool{}
	for s.More() {
		key, err := s.text()
		if err != nil {
			return err
		}
		if seen[key] {
			return fmt.Errorf("duplicate key %.100q", key)
		}
		seen[key] = true
		if err := value(key); err != nil {
			return err
		}
	}
	return s.delim('}')
}

// ints reads an array of at most limit integers that are not negative.
func (s scanner) ints(limit int) ([]int64, error) {
	if err := s.delim('['); err != nil {
		return nil, err
	}
	list := []int64{}
	for s.More() {
		token, err := s.Token()
		if err != nil {
			return nil, err
		}
		number, ok := token.(json.Number)
		if !ok {
			return nil, fmt.Errorf("byte %d: want an integer, got %.40v", s.InputOffset(), token)
		}
		n, err := number.Int64()
		if err != nil || n < 0 {
			return nil, fmt.Errorf("byte %d: want an integer of 0 or more, got %.40s", s.InputOffset(), number)
		}
		if len(list) == limit {
			return nil, fmt.Errorf("byte %d: more than %d numbers in a list", s.InputOffset(), limit)
		}
		list = append(list, n)
	}
	return list, s.delim(']')
}

func (s scanner) text() (string, error) {
	token, err := s.Token()
	if err != nil {
		return "", err
	}
	text, ok := token.(string)
	if !ok {
		return "", fmt.Errorf("byte %d: want a string, got %.40v", s.InputOffset(), token)
	}
	return text, nil
}

func (s scanner) delim(want json.Delim) error {
	token, err := s.Token()
	if err != nil {
		return err
	}
	if token != want {
		return fmt.Errorf("byte %d: want %v, got %.40v", s.InputOffset(), want, token)
	}
	return nil
}

// skip passes over a value of any form.
func (s scanner) skip() error {
	var value json.RawMessage
	return s.Decode(&value)
}

// end fails unless only white space is left.
func (s scanner) end() error {
	if _, err := s.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("byte %d: text after the end", s.InputOffset())
	}
	return nil
}
