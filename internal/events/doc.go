// Package events writes event files that TensorBoard opens.
//
// A file is a sequence of TFRecords, each an Event message of TensorFlow's
// event.proto. Of these messages only what scalars and texts need is here, so
// they are written by hand.
package events
