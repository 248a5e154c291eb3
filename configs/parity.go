package configs

import "reflect"

// ReleasedCode is the parity with what the paper's authors published as code.
const ReleasedCode = "released-code"

// released is what augment.parity released-code sets of keys that are not
// written out.
var released = map[string]any{
	"augment.pair":      "best-random", // the first of the best over any other
	"augment.prompt":    ReleasedCode,  // "target scores"
	"augment.decimals":  -1,            // a whole number, or all digits there are
	"augment.ties":      "keep",
	"augment.identical": "keep",
}

// Released says whether a treats data as the released code does.
func (a Augment) Released() bool { return a.Parity == ReleasedCode }

// settleParity gives keys that nobody has set what c's parity says.
func (c *Config) settleParity(written func(path string) bool) {
	if !c.Augment.Released() {
		return
	}
	for _, l := range leaves(c) {
		if v, ok := released[l.path]; ok && !written(l.path) {
			l.value.Set(reflect.ValueOf(v))
		}
	}
}
