package pipeline

import "testing"

// TestBandit trains the paper's Table 2 by the loss rows and holds it to 1e-5.
func TestBandit(t *testing.T) {
	f, err := Bandit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Page.Verdict(); err != nil {
		t.Error(err)
	}
	if len(f.Items) < 50 {
		t.Errorf("%d items", len(f.Items))
	}
}
