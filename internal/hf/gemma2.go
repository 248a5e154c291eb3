package hf

import "errors"

// readGemma2 reads what only Gemma-2 has, with transformers' defaults. A cap
// that is null is none.
func (c *Config) readGemma2(k *keys) {
	c.HiddenAct = value(k, "hidden_activation", "gelu_pytorch_tanh")
	c.QueryPreAttnScalar = k.positive("query_pre_attn_scalar", 256, maxWidth)
	c.AttnLogitSoftcapping = k.bound("attn_logit_softcapping", 50)
	c.FinalLogitSoftcapping = k.bound("final_logit_softcapping", 30)
	if value(k, "use_bidirectional_attention", false) {
		k.fault("use_bidirectional_attention", errors.New("want false: a language model looks back only"))
	}
}

// bound is a positive number: fallback when it is absent, and 0 when it is
// null.
func (k *keys) bound(key string, fallback float64) float64 {
	if _, given := k.raw[key]; given && !k.has(key) {
		return 0
	}
	return k.positive(key, fallback, 1e6)
}
