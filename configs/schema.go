package configs

import (
	"reflect"
	"strings"
)

// A Key is one setting.
type Key struct {
	Path    string // dotted, such as dpo.beta
	Type    string // what it holds, in words: "a whole number"
	Default any
}

// Schema lists every key in the order of the structs.
func Schema() []Key {
	c := Default()
	var keys []Key
	for _, l := range leaves(&c) {
		keys = append(keys, Key{Path: l.path, Type: typeName(l.value.Type()), Default: l.value.Interface()})
	}
	return keys
}

// A leaf is a key and where its value lives.
type leaf struct {
	path  string
	value reflect.Value // settable
}

// leaves walks c: the only place that looks at the structs by reflection.
func leaves(c *Config) []leaf {
	var all []leaf
	var walk func(prefix string, v reflect.Value)
	walk = func(prefix string, v reflect.Value) {
		for i := range v.NumField() {
			path := prefix + v.Type().Field(i).Tag.Get("yaml")
			if field := v.Field(i); field.Kind() == reflect.Struct {
				walk(path+".", field)
			} else {
				all = append(all, leaf{path, field})
			}
		}
	}
	walk("", reflect.ValueOf(c).Elem())
	return all
}

// typeName says in words what a value of type t is.
func typeName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Slice:
		if t.Elem().Kind() == reflect.String {
			return "a list of text"
		}
		return "a list of numbers"
	}
	return t.String() // a test holds every key to the kinds above
}

// split parts a path into its section, empty at the top level, and its name.
func split(path string) (section, name string) {
	if i := strings.LastIndexByte(path, '.'); i >= 0 {
		return path[:i], path[i+1:]
	}
	return "", path
}
