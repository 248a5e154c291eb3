package chat

import "testing"

// TestText: whatever template and tokenizer do, one BOS comes out in the end.
func TestText(t *testing.T) {
	for _, tt := range []struct {
		name, source  string
		postBOS       bool
		plain, adding string // for a tokenizer that adds nothing, and for one that adds what it is used to
	}{
		{"template alone", "{{ bos_token }}{{ messages[0].content }}", false, "<s>hi", "<s>hi"},
		{"tokenizer alone", "{{ messages[0].content }}", true, "<s>hi", "hi"},
		{"both", "{{ bos_token }}{{ messages[0].content }}", true, "<s>hi", "hi"},
		{"twice in the template", "{{ bos_token }}{{ bos_token }}{{ messages[0].content }}", false, "<s>hi", "<s>hi"},
		{"neither", "{{ messages[0].content }}", false, "hi", "hi"},
	} {
		template, err := New(tt.source, map[string]string{"bos_token": "<s>"})
		if err != nil {
			t.Fatal(err)
		}
		template.postBOS = tt.postBOS
		for adds, want := range map[bool]string{false: tt.plain, true: tt.adding} {
			if got, err := template.Text([]Message{{Role: "user", Content: "hi"}}, false, adds); err != nil || got != want {
				t.Errorf("%s, adding %v: got %q %v, want %q", tt.name, adds, got, err, want)
			}
		}
	}
	without, err := New("{{ messages[0].content }}", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := without.Text([]Message{{Role: "user", Content: "hi"}}, false, true); err != nil || got != "hi" {
		t.Errorf("without a BOS: got %q %v", got, err)
	}
}
