package progress

import (
	"io"
	"os"
	"strings"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/sys/unix"
)

// erase clears a terminal's line from the cursor on.
const erase = "\x1b[K"

// frame is the bar and the status as one line. The bar writes nowhere: it would
// not know of the lines that are printed between two frames.
func (d *Display) frame() string {
	total, n := int64(-1), int64(0) // a spinner
	if d.bar != nil && d.bar.total > 0 {
		total, n = d.bar.total, min(d.bar.n, d.bar.total)
	}
	bar := progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(io.Discard),
		progressbar.OptionSetWidth(12),
		progressbar.OptionSetDescription(d.status()),
		progressbar.OptionShowDescriptionAtLineEnd(),
		progressbar.OptionSetElapsedTime(false),
		progressbar.OptionSetPredictTime(false),
		progressbar.OptionSetSpinnerChangeInterval(0), // 0: no goroutine of its own
	)
	if n > 0 {
		_ = bar.Set64(n)
	}
	_ = bar.RenderBlank() // Set64 draws nothing below one percent
	return strings.TrimSpace(bar.String())
}

// width of the terminal behind w in columns; 80 if it does not say.
func width(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ); err == nil && size.Col > 0 {
			return int(size.Col)
		}
	}
	return 80
}

// cut shortens text to n columns: a line that wraps cannot be drawn over.
func cut(text string, n int) string {
	runes := []rune(text) // each is one column: names are plain ASCII
	return string(runes[:min(len(runes), max(n, 0))])
}
