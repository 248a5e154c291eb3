package eval

// gaps adds how far sampler and trainer are apart: over all iterations, and in
// each.
func (s *sheet) gaps(gaps []Gap) {
	var all Gap
	for _, g := range gaps {
		if g.Tokens == 0 {
			continue
		}
		all.Tokens += g.Tokens
		all.Mean += (g.Mean - all.Mean) * float64(g.Tokens) / float64(all.Tokens)
		all.Largest = max(all.Largest, g.Largest)
		s.fixed("sampler/logp_gap/"+g.Name, g.Mean, g.Tokens)
		s.fixed("sampler/logp_gap-largest/"+g.Name, g.Largest, g.Tokens)
	}
	if all.Tokens > 0 {
		s.fixed("sampler/logp_gap", all.Mean, all.Tokens)
		s.fixed("sampler/logp_gap-largest", all.Largest, all.Tokens)
	}
}

// sampled says how far apart sampler and trainer are.
func (r *reading) sampled(b book) {
	if gap := "sampler/logp_gap"; b.has(gap, gap+"-largest") {
		r.mind("The sampler's log-probabilities of its tokens differ from the trainer's by %.2g on average and %.2g at most.", b[gap].Value, b[gap+"-largest"].Value)
	}
}
