package flow

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

// A mode is what a power cut does to bytes and names that were not synced.
type mode string

const (
	dropped mode = "dropped" // all are lost
	kept    mode = "kept"    // none is, as when a process is killed
	random  mode = "random"  // some are, and files end early
)

// TestCrash cuts the power at points of a run of the long plan and finishes it
// from what the disk may then hold. FLOW_CRASH=all takes every point.
func TestCrash(t *testing.T) {
	share := 15
	if os.Getenv("FLOW_CRASH") == "all" {
		share = 1
	}
	w := calm(t)
	want := unbroken(t, w)
	rng := rand.New(rand.NewPCG(1, 2))
	d := newDisk(t, t.TempDir())
	points, committed := 0, 0
	crash := func() {
		points++
		for _, m := range []mode{dropped, kept, random} {
			if rng.IntN(share) > 0 {
				continue
			}
			dir := d.clone(m, rng)
			t.Run(fmt.Sprintf("%03d-%s", points, m), func(t *testing.T) {
				dir, more := recrash(t, dir, w, m, rng)
				recovers(t, dir, w, want, committed+more)
			})
			os.RemoveAll(dir)
		}
	}
	d.before = crash
	err := runLong(t.Context(), d.root, d, world{source: w.source, point: crash, made: func() { committed++ }})
	if err != nil {
		t.Fatal(err)
	}
	if points < 150 {
		t.Errorf("only %d points: the run no longer goes through the interface", points)
	}
}

// recrash cuts the power again, early in the recovery of every other folder. It
// returns the folder to recover, and how many parts were committed meanwhile.
func recrash(t *testing.T, dir string, w world, m mode, rng *rand.Rand) (again string, committed int) {
	if rng.IntN(2) == 0 {
		return dir, 0
	}
	d := newDisk(t, dir)
	made, left := 0, 1+rng.IntN(20)
	w.made = func() { made++ }
	d.before = func() {
		if left--; left == 0 {
			again, committed = d.clone(m, rng), made
		}
	}
	if err := runLong(t.Context(), dir, d, w); err != nil {
		t.Fatal(err)
	}
	if again == "" { // it took fewer changes, and is finished
		return dir, made
	}
	t.Cleanup(func() { os.RemoveAll(again) })
	return again, committed
}

// recovers finishes the run that crashed after so many commits, which must not
// be done again. A crash between a commit and its count leaves one uncounted.
func recovers(t *testing.T, dir string, w world, want map[string]string, committed int) {
	made := 0
	w.made = func() { made++ }
	checkLong(t, dir, w, want)
	if most := longParts - committed; made < most-2 || made > most {
		t.Errorf("made %d parts after a crash with %d of %d committed", made, committed, longParts)
	}
}

// A disk is a real folder that knows which of its bytes and names would outlive
// a power cut: those that were synced.
type disk struct {
	quickFS // the model is the disk: no need to wait for the real one
	t       *testing.T
	root    string
	before  func() // called before every change

	bytes map[uint64][]byte            // of each file, at its last sync
	names map[uint64]map[string]uint64 // of each folder, at its last sync
	held  map[uint64]*os.File          // open, so that no number is used twice
}

// newDisk takes what root holds as synced.
func newDisk(t *testing.T, root string) *disk {
	d := &disk{t: t, root: root, before: func() {}, bytes: map[uint64][]byte{}, names: map[uint64]map[string]uint64{}, held: map[uint64]*os.File{}}
	t.Cleanup(func() {
		for _, f := range d.held {
			f.Close()
		}
	})
	d.noteAll(root)
	return d
}

func (d *disk) noteAll(path string) {
	d.note(path)
	for name := range d.names[d.id(path)] {
		d.noteAll(filepath.Join(path, name))
	}
}

func (d *disk) mkdir(path string) error      { d.before(); return d.quickFS.mkdir(path) }
func (d *disk) rename(from, to string) error { d.before(); return d.quickFS.rename(from, to) }
func (d *disk) removeAll(path string) error  { d.before(); return d.quickFS.removeAll(path) }

func (d *disk) append(path string, at int64, line []byte) error {
	d.before()
	for _, written := range [][]byte{line[:len(line)/2], line} {
		if err := d.quickFS.append(path, at, written); err != nil {
			return err
		}
		d.before() // a torn line, then a whole one, neither synced
	}
	d.note(path)
	return nil
}

func (d *disk) sync(path string) error {
	d.before()
	d.note(path)
	return nil
}

// note takes the state of a file or folder as synced.
func (d *disk) note(path string) {
	id := d.id(path)
	info, err := os.Stat(path)
	if err != nil {
		d.t.Fatal(err)
	}
	if info.IsDir() {
		d.names[id] = d.list(path)
		return
	}
	if d.bytes[id], err = os.ReadFile(path); err != nil {
		d.t.Fatal(err)
	}
}

// list maps the names in a folder to their files.
func (d *disk) list(path string) map[string]uint64 {
	entries, err := os.ReadDir(path)
	if err != nil {
		d.t.Fatal(err)
	}
	names := map[string]uint64{}
	for _, e := range entries {
		names[e.Name()] = d.id(filepath.Join(path, e.Name()))
	}
	return names
}

// id is the file's number, which stays its own while it is held open.
func (d *disk) id(path string) uint64 {
	info, err := os.Stat(path)
	if err != nil {
		d.t.Fatal(err)
	}
	id := info.Sys().(*syscall.Stat_t).Ino
	if d.held[id] == nil {
		if d.held[id], err = os.Open(path); err != nil {
			d.t.Fatal(err)
		}
	}
	return id
}

// clone is a new folder with what the disk may hold if the power fails now.
func (d *disk) clone(m mode, rng *rand.Rand) string {
	dir, err := os.MkdirTemp("", "flow-crash-")
	if err != nil {
		d.t.Fatal(err)
	}
	c := cloning{d, m, rng, map[uint64]map[string]uint64{}, map[uint64][]byte{}}
	c.scan(d.root)
	c.copy(dir, d.id(d.root))
	return dir
}

// cloning is one clone under way: the disk and its unsynced state.
type cloning struct {
	*disk
	mode  mode
	rng   *rand.Rand
	names map[uint64]map[string]uint64
	bytes map[uint64][]byte
}

func (c cloning) scan(path string) {
	id := c.id(path)
	if info, err := c.held[id].Stat(); err == nil && !info.IsDir() {
		if c.bytes[id], err = os.ReadFile(path); err != nil {
			c.t.Fatal(err)
		}
		return
	}
	c.names[id] = c.list(path)
	for name := range c.names[id] {
		c.scan(filepath.Join(path, name))
	}
}

func (c cloning) copy(path string, id uint64) {
	info, err := c.held[id].Stat()
	if err != nil {
		c.t.Fatal(err)
	}
	if !info.IsDir() {
		if err := os.WriteFile(path, c.content(id), 0o666); err != nil {
			c.t.Fatal(err)
		}
		return
	}
	if err := os.MkdirAll(path, 0o777); err != nil {
		c.t.Fatal(err)
	}
	for name, child := range c.entries(id) {
		c.copy(filepath.Join(path, name), child)
	}
}

// content of a file after the cut.
func (c cloning) content(id uint64) []byte {
	synced, now := c.disk.bytes[id], c.bytes[id]
	switch {
	case c.mode == dropped:
		return synced
	case c.mode == kept || string(synced) == string(now):
		return now
	case c.rng.IntN(2) == 0 || len(now) < len(synced):
		return synced
	}
	return now[:len(synced)+c.rng.IntN(len(now)-len(synced)+1)]
}

// entries of a folder after the cut.
func (c cloning) entries(id uint64) map[string]uint64 {
	synced, now := c.disk.names[id], c.names[id]
	switch c.mode {
	case dropped:
		return synced
	case kept:
		return now
	}
	either := map[string]uint64{}
	all := append(slices.Collect(maps.Keys(synced)), slices.Collect(maps.Keys(now))...)
	slices.Sort(all)
	for _, name := range slices.Compact(all) {
		from := synced
		if c.rng.IntN(2) == 0 {
			from = now
		}
		if child, ok := from[name]; ok {
			either[name] = child
		}
	}
	return either
}
