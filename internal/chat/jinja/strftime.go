package jinja

import (
	"fmt"
	"strings"
)

// strftime lays the render's clock out as C's strftime does in the C locale.
func (in *interp) strftime(format string) string {
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			b.WriteByte(format[i])
			continue
		}
		in.work(4, 1)
		i++
		pad := true
		if format[i] == '-' && i+1 < len(format) { // glibc: no padding
			pad = false
			i++
		}
		text := in.timeField(format[i])
		if !pad && len(text) > 1 {
			text = strings.TrimLeft(text[:len(text)-1], "0 ") + text[len(text)-1:]
		}
		b.WriteString(text)
		if b.Len() > MaxOutput {
			fail("a text exceeds %d bytes", MaxOutput)
		}
	}
	return b.String()
}

// timeLayouts are the fields that Go's own layouts express.
var timeLayouts = map[byte]string{
	'a': "Mon", 'A': "Monday", 'b': "Jan", 'h': "Jan", 'B': "January", 'd': "02", 'D': "01/02/06", 'e': "_2",
	'F': "2006-01-02", 'H': "15", 'I': "03", 'm': "01", 'M': "04", 'p': "PM", 'r': "03:04:05 PM", 'R': "15:04",
	'S': "05", 'T': "15:04:05", 'X': "15:04:05", 'y': "06", 'Y': "2006", 'x': "01/02/06", 'c': "Mon Jan _2 15:04:05 2006",
}

func (in *interp) timeField(c byte) string {
	if layout, ok := timeLayouts[c]; ok {
		return in.clock.Format(layout)
	}
	switch c {
	case '%':
		return "%"
	case 'n':
		return "\n"
	case 't':
		return "\t"
	case 'j':
		return fmt.Sprintf("%03d", in.clock.YearDay())
	case 'f':
		return fmt.Sprintf("%06d", in.clock.Nanosecond()/1000)
	case 'w':
		return itoa(int64(in.clock.Weekday()))
	case 'u':
		return itoa(int64(in.clock.Weekday()+6)%7 + 1)
	case 's':
		return itoa(in.clock.Unix())
	case 'z', 'Z': // Python's naive datetime has no zone
		return ""
	}
	fail("a time format has the unsupported field %%%c", c)
	return ""
}
