//go:build !race

package jinja_test

const slowdown = 1
