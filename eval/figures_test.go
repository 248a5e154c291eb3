package eval

import "testing"

// TestThinning: a long training is drawn as means of equal runs of steps.
func TestThinning(t *testing.T) {
	c := Curve{Name: "long"}
	for i := range 3 * maxPoints {
		s := Step{Step: int64(i + 1), Values: map[string]float64{"loss": float64(i)}}
		if i == 0 {
			s.Values = nil // a step without the quantity is passed over
		}
		c.Steps = append(c.Steps, s)
	}
	points := c.points("loss")
	if len(points) != maxPoints {
		t.Fatalf("%d points, want %d", len(points), maxPoints)
	}
	if p := points[0]; p.X != 2.5 || p.Y != 1.5 {
		t.Errorf("first point at %g, %g, want 2.5, 1.5", p.X, p.Y)
	}
	if p := points[1]; p.X != 5 || p.Y != 4 {
		t.Errorf("second point at %g, %g, want 5, 4", p.X, p.Y)
	}
	if got := c.points("grad_norm"); len(got) != 0 {
		t.Errorf("%d points of a quantity that is not there", len(got))
	}
}
