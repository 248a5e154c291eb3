package events

import (
	"encoding/binary"
	"hash/crc32"
	"io"
	"math"
	"slices"
)

// Suffix is in the name of every event file: TensorBoard looks for it.
const Suffix = "tfevents"

// A Writer appends events to a file. Each is written at once, so that
// TensorBoard sees it.
type Writer struct{ w io.Writer }

// NewWriter starts an event file.
func NewWriter(w io.Writer) (*Writer, error) {
	out := &Writer{w}
	return out, out.event(field{3, "brain.Event:2"})
}

// Step writes the scalars and texts of a step by their tags, in the order of
// these. The time of an event is its step in seconds: equal trainings have
// equal files.
func (w *Writer) Step(step int64, scalars map[string]float64, texts map[string]string) error {
	var summary []byte
	for _, tag := range sorted(scalars) {
		summary = field{1, message(field{1, tag}, field{2, float32(scalars[tag])})}.append(summary)
	}
	for _, tag := range sorted(texts) {
		const dtString = 7
		plugin := message(field{1, message(field{1, "text"})})
		tensor := message(field{1, int64(dtString)}, field{2, ""}, field{8, texts[tag]}) // of no dimension
		summary = field{1, message(field{1, tag}, field{8, tensor}, field{9, plugin})}.append(summary)
	}
	return w.event(field{1, float64(step)}, field{2, step}, field{5, string(summary)})
}

func sorted[V any](m map[string]V) []string {
	var tags []string
	for tag := range m {
		tags = append(tags, tag)
	}
	slices.Sort(tags)
	return tags
}

func (w *Writer) event(fields ...field) error {
	_, err := w.w.Write(record(message(fields...)))
	return err
}

// record frames data as a TFRecord: its length and the data, each followed by
// a checksum.
func record(data string) []byte {
	length := binary.LittleEndian.AppendUint64(nil, uint64(len(data)))
	out := binary.LittleEndian.AppendUint32(length, masked(length))
	out = append(out, data...)
	return binary.LittleEndian.AppendUint32(out, masked([]byte(data)))
}

// masked is the CRC-32C of data, rotated and shifted as TFRecord has it.
func masked(data []byte) uint32 {
	sum := crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))
	return (sum>>15 | sum<<17) + 0xa282ead8
}

// A field is one of a protocol buffer's: a number and a value, which is an
// int64, float64, float32, or a string, bytes or message.
type field struct {
	number uint64
	value  any
}

// message is the encoding of fields.
func message(fields ...field) string {
	var out []byte
	for _, f := range fields {
		out = f.append(out)
	}
	return string(out)
}

func (f field) append(out []byte) []byte {
	tag := func(wire uint64) []byte { return binary.AppendUvarint(out, f.number<<3|wire) }
	switch v := f.value.(type) {
	case int64:
		return binary.AppendUvarint(tag(0), uint64(v))
	case float64:
		return binary.LittleEndian.AppendUint64(tag(1), math.Float64bits(v))
	case float32:
		return binary.LittleEndian.AppendUint32(tag(5), math.Float32bits(v))
	}
	text := f.value.(string)
	return append(binary.AppendUvarint(tag(2), uint64(len(text))), text...)
}
