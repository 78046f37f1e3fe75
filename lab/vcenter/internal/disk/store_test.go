package disk

import (
	"errors"
	"os"
	"testing"

	"hdm.dev/lab/vcenter/internal/hook"
)

const (
	mib  = 1 << 20
	base = "[ds0] web/web.vmdk"
)

func newStore(t *testing.T) *Store {
	t.Helper()
	s, err := New(t.TempDir(), []Datastore{{Name: "ds0", CapacityBytes: 10 * mib}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func define(t *testing.T, s *Store, file string, bytes int64, thin bool) {
	t.Helper()
	if err := s.Define(hook.DiskSpec{File: file, CapacityBytes: bytes, Content: "random:1", Thin: thin}); err != nil {
		t.Fatal(err)
	}
}

func free(t *testing.T, s *Store) int64 {
	t.Helper()
	_, free, ok := s.Space("ds0")
	if !ok {
		t.Fatal("ds0 is unknown")
	}
	return free
}

func sha(t *testing.T, s *Store, file string) string {
	t.Helper()
	sum, err := s.SHA256(file)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

func TestDisksTakeTheirSpaceAndGiveItBack(t *testing.T) {
	s := newStore(t)
	define(t, s, base, 6*mib, true)
	if got := free(t, s); got != 4*mib {
		t.Errorf("%d bytes are free, want 4 MiB", got)
	}
	err := s.Define(hook.DiskSpec{File: "[ds0] b/b.vmdk", CapacityBytes: 5 * mib})
	var full *hook.NoSpace
	if !errors.As(err, &full) || full.FreeBytes != 4*mib {
		t.Errorf("a disk too large was answered with %v", err)
	}
	if err := s.Remove(base); err != nil || free(t, s) != 10*mib {
		t.Errorf("after the removal %d bytes are free, error %v", free(t, s), err)
	}
}

func TestAFullDatastoreRefusesWritesOfThinDisksOnly(t *testing.T) {
	s := newStore(t)
	thick := "[ds0] thick/thick.vmdk"
	define(t, s, base, mib, true)
	define(t, s, thick, mib, false)
	if err := s.SetFree("ds0", 0); err != nil {
		t.Fatal(err)
	}
	for file, refused := range map[string]bool{base: true, thick: false} {
		w, err := s.Overwrite(file)
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.WriteAt([]byte("x"), 0)
		if full := new(hook.NoSpace); errors.As(err, &full) != refused {
			t.Errorf("%s: the write ended with %v", file, err)
		}
		_ = w.Close()
	}
	if err := s.SetFree("ds0", -1); err != nil || free(t, s) != 8*mib {
		t.Errorf("freed again, %d bytes are free, error %v", free(t, s), err)
	}
}

func TestADeltaLeavesWhatIsBelowAsItIs(t *testing.T) {
	s := newStore(t)
	define(t, s, base, mib, true)
	before := sha(t, s, base)
	delta := "[ds0] web/web-000001.vmdk"
	if err := s.Fork(base, delta); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Attach(base); err == nil {
		t.Error("a disk below a snapshot was opened for writing")
	}
	path, format, err := s.Attach(delta)
	if err != nil || format != "qcow2" {
		t.Fatalf("the delta is %s, error %v", format, err)
	}
	if sha(t, s, delta) != before {
		t.Error("an empty delta differs from its parent")
	}
	if err := qemuImg("bench", "-q", "-w", "-c", "1", "-s", "4096", "-f", "qcow2", "--pattern", "7", path); err != nil {
		t.Fatal(err)
	}
	if sha(t, s, base) != before || sha(t, s, delta) == before {
		t.Error("the write went to the wrong file")
	}
	written := sha(t, s, delta)
	if err := s.Collapse(base, delta); err != nil {
		t.Fatal(err)
	}
	if sha(t, s, base) != written {
		t.Error("without the snapshot the disk is not what it was above")
	}
}

func TestContentIsTheSameForTheSameRecipe(t *testing.T) {
	a, b := newStore(t), newStore(t)
	define(t, a, base, mib, true)
	define(t, b, base, mib, false)
	if sha(t, a, base) != sha(t, b, base) {
		t.Error("one seed gave two contents")
	}
	r, err := a.Open(base)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if info, err := os.Stat(r.Name()); err != nil || info.Size() != mib {
		t.Errorf("the file has %d bytes, error %v", info.Size(), err)
	}
}

func TestNamesDoNotLeaveTheirDatastore(t *testing.T) {
	s := newStore(t)
	for _, file := range []string{"[ds0] ../../etc/x.vmdk", "[ds0] /etc/x.vmdk", "[ds1] a/a.vmdk", "[ds0] a/a.txt", "a.vmdk", "[ds0] "} {
		if err := s.Define(hook.DiskSpec{File: file, CapacityBytes: 512}); err == nil {
			t.Errorf("%q was taken", file)
		}
	}
}
