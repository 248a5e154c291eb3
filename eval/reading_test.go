package eval

import (
	"strings"
	"testing"
)

// TestRetokenised: responses without the ids that were drawn are spoken of, and
// others are not.
func TestRetokenised(t *testing.T) {
	for _, retokenised := range []bool{false, true} {
		var r reading
		r.servers([]Policy{{Name: "base"}, {Name: "iter-1", Retokenised: retokenised}})
		if got := strings.Contains(strings.Join(r.Mind, " "), "tokenised again"); got != retokenised {
			t.Errorf("retokenised %t: the report minds %q", retokenised, r.Mind)
		}
	}
}
