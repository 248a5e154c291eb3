package flow

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestConfigChanges(t *testing.T) {
	tests := []struct{ name, old, now, want string }{
		{"equal", `{"a":1}`, `{"a":1}`, ""},
		{"nested", `{"dpo":{"beta":0.1,"loss":"ipo"}}`, `{"dpo":{"beta":0.05,"loss":"ipo"}}`, "dpo.beta 0.1 -> 0.05"},
		{"text", `{"loss":"ipo"}`, `{"loss":"hinge"}`, `loss "ipo" -> "hinge"`},
		{"list", `{"goals":[2,4]}`, `{"goals":[2,6,8]}`, "goals.1 4 -> 6, goals.2 (absent) -> 8"},
		{"exponent", `{"rate":5e-7}`, `{"rate":1e-6}`, "rate 5e-7 -> 1e-6"},
		{"large", `{"seed":9007199254740993}`, `{"seed":9007199254740992}`, "seed 9007199254740993 -> 9007199254740992"},
		{"null", `{"lora":null}`, `{"lora":8}`, "lora null -> 8"},
		{"bare", `3`, `4`, " 3 -> 4"},
		{"many", `{}`, `{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1}`,
			"a (absent) -> 1, b (absent) -> 1, c (absent) -> 1, d (absent) -> 1, and 2 more"},
		{"broken", `{`, `{"a":1}`, ` "{" -> (absent), a (absent) -> 1`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := strings.Join(configChanges(json.RawMessage(tt.old), json.RawMessage(tt.now)), ", ")
			if got != tt.want {
				t.Errorf("configChanges(%s, %s) = %q, want %q", tt.old, tt.now, got, tt.want)
			}
		})
	}
}
