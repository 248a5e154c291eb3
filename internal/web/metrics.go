package web

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Metrics are what a server counts, in the text format of Prometheus.
type Metrics struct {
	mu    sync.Mutex
	parts []func(w io.Writer)
}

func newMetrics() *Metrics {
	m := &Metrics{}
	m.Gauge("process_resident_memory_bytes", "Memory of the process.", resident)
	return m
}

func (m *Metrics) add(name, kind, help string, part func(w io.Writer)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.parts = append(m.parts, func(w io.Writer) {
		fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
		part(w)
	})
}

func (m *Metrics) write(w io.Writer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var b bytes.Buffer
	for _, part := range m.parts {
		part(&b)
	}
	w.Write(b.Bytes())
}

// Gauge shows what now returns.
func (m *Metrics) Gauge(name, help string, now func() float64) {
	m.add(name, "gauge", help, func(w io.Writer) { fmt.Fprintf(w, "%s %v\n", name, now()) })
}

// A Counter counts up, for each value of its labels by itself.
type Counter struct {
	name   string
	labels []string
	mu     sync.Mutex
	counts map[string]float64
}

// Counter adds one to the metrics.
func (m *Metrics) Counter(name, help string, labels ...string) *Counter {
	c := &Counter{name: name, labels: labels, counts: map[string]float64{}}
	if len(labels) == 0 {
		c.Add(0)
	}
	m.add(name, "counter", help, c.write)
	return c
}

// Add counts n more for values, one a label.
func (c *Counter) Add(n float64, values ...string) {
	var at []string
	for i, v := range values {
		at = append(at, c.labels[i]+"="+strconv.Quote(v))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts[strings.Join(at, ",")] += n
}

func (c *Counter) write(w io.Writer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, at := range slices.Sorted(maps.Keys(c.counts)) {
		if at == "" {
			fmt.Fprintf(w, "%s %v\n", c.name, c.counts[at])
			continue
		}
		fmt.Fprintf(w, "%s{%s} %v\n", c.name, at, c.counts[at])
	}
}

// seconds are the bounds of histograms.
var seconds = [...]float64{0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300}

// A Histogram counts times by their length, in seconds.
type Histogram struct {
	name   string
	mu     sync.Mutex
	counts [len(seconds) + 1]int64
	sum    float64
}

// Histogram adds one to the metrics.
func (m *Metrics) Histogram(name, help string) *Histogram {
	h := &Histogram{name: name}
	m.add(name, "histogram", help, h.write)
	return h
}

// Observe counts a time.
func (h *Histogram) Observe(s float64) {
	i, _ := slices.BinarySearch(seconds[:], s)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.counts[i]++
	h.sum += s
}

func (h *Histogram) write(w io.Writer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var n int64
	for i, bound := range seconds {
		n += h.counts[i]
		fmt.Fprintf(w, "%s_bucket{le=\"%v\"} %d\n", h.name, bound, n)
	}
	n += h.counts[len(seconds)]
	fmt.Fprintf(w, "%s_bucket{le=\"+Inf\"} %d\n%s_sum %v\n%s_count %d\n", h.name, n, h.name, h.sum, h.name, n)
}

// resident is the memory of the process, in bytes; 0 where the system does not
// tell.
func resident() float64 {
	text, err := os.ReadFile("/proc/self/statm")
	fields := strings.Fields(string(text))
	if err != nil || len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseFloat(fields[1], 64)
	return pages * float64(os.Getpagesize())
}
