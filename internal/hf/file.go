package hf

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A File is one open safetensors file.
type File struct {
	Tensors  []Tensor          // in the order of their data
	Metadata map[string]string // the header's __metadata__
	mem      []byte
}

// OpenFile maps one safetensors file that is not part of a model folder, such
// as a training checkpoint.
func OpenFile(path string) (*File, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	f, err := mapFile(file)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return f, nil
}

// Close unmaps the file: no tensor of it may be used afterwards.
func (f *File) Close() error {
	mem := f.mem
	f.mem, f.Tensors = nil, nil
	if mem == nil {
		return nil
	}
	return unix.Munmap(mem)
}

// rest takes the mapping out of resident memory. Its pages are clean and come
// back when they are looked at: a kernel that declines has done no harm.
func (f *File) rest() { _ = unix.Madvise(f.mem, unix.MADV_DONTNEED) }

// mapFile maps an open file, which may be closed afterwards.
func mapFile(file *os.File) (*File, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	if info.Size() < 8 {
		return nil, fmt.Errorf("truncated: want at least 8 bytes, got %d", info.Size())
	}
	mem, err := unix.Mmap(int(file.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map %d bytes: %w", info.Size(), err)
	}
	f := &File{mem: mem}
	if err := f.parse(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// parse fills f from its mapped bytes. Tensors are slices of the mapping. Only
// those that an old writer left unaligned are copied, as libtorch may load
// them with aligned instructions.
func (f *File) parse() error {
	entries, meta, start, err := parseFile(f.mem)
	if err != nil {
		return err
	}
	f.Metadata = meta
	f.Tensors = make([]Tensor, 0, len(entries))
	for _, e := range entries {
		data := f.mem[start+e.begin : start+e.end : start+e.end]
		if len(data) > 0 && uintptr(unsafe.Pointer(&data[0]))%uintptr(e.dtype.Size()) != 0 {
			data = append([]byte(nil), data...)
		}
		f.Tensors = append(f.Tensors, Tensor{Name: e.name, DType: e.dtype, Shape: e.shape, Data: data})
	}
	return nil
}
