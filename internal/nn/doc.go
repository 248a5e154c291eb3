// Package nn holds layers that two models share. A layer is a struct of
// [Weight]s whose tags name them in a checkpoint, and a Forward method.
//
// Shapes: B batch, T new tokens, S all tokens, D width, H query heads,
// G key-value heads, K head width.
package nn
