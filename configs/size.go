package configs

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Bytes reads an amount of memory such as 8GiB or 512MiB. Auto, or nothing, is
// 0: what there is.
func Bytes(text string) (int64, error) {
	if text == "" || text == "auto" {
		return 0, nil
	}
	for unit, bytes := range map[string]float64{"MiB": 1 << 20, "GiB": 1 << 30} {
		number, ok := strings.CutSuffix(text, unit)
		if !ok {
			continue
		}
		if n, err := strconv.ParseFloat(strings.TrimSpace(number), 64); err == nil && n*bytes >= 1 && n*bytes < 1<<60 {
			return int64(n * bytes), nil
		}
	}
	return 0, fmt.Errorf("%.40q is no amount of memory: write auto, or a number with MiB or GiB, such as 8GiB", text)
}

// size judges an amount of memory.
func size(v any) string {
	if _, err := Bytes(v.(string)); err != nil {
		return err.Error()
	}
	return ""
}

// texts judges a list of texts, none of them empty.
func texts(v any) string {
	for i, text := range v.([]string) {
		if text == "" {
			return fmt.Sprintf("item %d is empty", i+1)
		}
	}
	return ""
}

// ids judges a list of token ids.
func ids(v any) string {
	for i, id := range v.([]int) {
		if id < 0 || id > math.MaxInt32 {
			return fmt.Sprintf("item %d is no token's id: %d", i+1, id)
		}
	}
	return ""
}
