// Package hf reads and writes Hugging Face model folders: config.json,
// safetensors weights and the files beside them. It needs no cgo.
//
//	Open(path) -> Folder -> Config, GenerationConfig   what the model is
//	                     -> Tensors                    mapped weights, not copied
//	                     -> FS                         tokenizer and template files
//	Save(dir, base, tensors)                           a folder transformers loads
//	OpenFile, WriteFile                                one safetensors file
//
// A folder is data from strangers. Every open goes through os.Root, so no
// name in an index and no symbolic link leads out of it; sizes are checked
// before memory is taken; nothing is executed, and pickled weights are
// refused with the way to convert them.
//
// Tensor data is memory mapped: it is read-only, lives until Close, and a file
// that another process shortens meanwhile kills this one with SIGBUS.
package hf
