package hf

// Parsing without files, for the tests that do it many thousand times.

func Parse(mem []byte) (*File, error) {
	f := &File{mem: mem}
	return f, f.parse()
}

var ParseConfig = parseConfig

var Restate = restate
