package eval

import "path"

// name is iter-1, or iter-1/honesty.
func (c Scale) name() string { return path.Join(c.Name, c.Attribute) }

// scales adds how each iteration's raw scores were mapped. Drift is how much a
// number is above the first iteration's.
func (s *sheet) scales(scales []Scale) {
	first := map[string]Scale{}
	for _, c := range scales {
		if _, ok := first[c.Attribute]; !ok {
			first[c.Attribute] = c
		}
		add := func(what string, value float64) { s.fixed("scale/"+c.name()+"/"+what, value, c.Rows) }
		rows := float64(c.Rows)
		add("low", c.Low)
		add("high", c.High)
		add("clipped-low", float64(c.ClippedLow)/rows)
		add("clipped-high", float64(c.ClippedHigh)/rows)
		add("unscored", float64(c.Unscored)/rows)
		add("mean", c.Raw.Mean)
		add("mapped", c.Mapped.Mean)
		s.drift("scale/"+c.name()+"/drift", c.Raw, first[c.Attribute].Raw, c.Rows)
		s.drift("scale/"+c.name()+"/drift-mapped", c.Mapped, first[c.Attribute].Mapped, c.Rows)
		if c.Attribute == "" {
			s.fixed("scale/"+c.Name+"/ties", float64(c.Ties)/float64(c.Pairs+c.Ties), c.Pairs+c.Ties)
			if o := c.Order; o.Pairs > 0 {
				s.fixed("scale/"+c.Name+"/flipped", float64(o.Flipped)/float64(o.Pairs), o.Pairs)
				s.fixed("scale/"+c.Name+"/first-place", o.Mean, o.Pairs)
			}
		}
	}
}

// drift adds the differences of two spreads, that of the means under the bare
// name.
func (s *sheet) drift(name string, a, b Spread, n int64) {
	s.fixed(name, a.Mean-b.Mean, n)
	s.fixed(name+"-p05", a.P05-b.P05, n)
	s.fixed(name+"-p50", a.P50-b.P50, n)
	s.fixed(name+"-p95", a.P95-b.P95, n)
}
