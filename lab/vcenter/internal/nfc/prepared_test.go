package nfc

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"testing"
	"time"

	"hdm.dev/lab/vcenter/internal/disk"
	"hdm.dev/lab/vcenter/internal/hook"
	"hdm.dev/lab/vcenter/internal/vmdk"
)

func TestAPreparedExportIsWhatWouldBeSentUntilTheDiskChanges(t *testing.T) {
	store, err := disk.New(t.TempDir(), []disk.Datastore{{Name: "ds0", CapacityBytes: 1 << 30}})
	if err != nil {
		t.Fatal(err)
	}
	const file = "[ds0] a/a.vmdk"
	if err := store.Define(hook.DiskSpec{File: file, CapacityBytes: 4 << 20, Content: "quarter:1"}); err != nil {
		t.Fatal(err)
	}
	m := NewManager(Options{PrepareIn: t.TempDir()})
	prepare := func() (*prepared, []byte) {
		t.Helper()
		source, err := store.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer source.Close()
		p, err := m.prepare(source, "disk-0.vmdk")
		if err != nil || p == nil {
			t.Fatalf("%v %v", p, err)
		}
		var sent bytes.Buffer
		if _, err := vmdk.Encode(&sent, source, source.SizeBytes, "disk-0.vmdk"); err != nil {
			t.Fatal(err)
		}
		return p, sent.Bytes()
	}
	first, sent := prepare()
	kept, err := os.ReadFile(first.path)
	sum := sha256.Sum256(sent)
	if err != nil || !bytes.Equal(kept, sent) || first.bytes != int64(len(sent)) || first.sumSHA256 != hex.EncodeToString(sum[:]) {
		t.Errorf("%v, %d bytes are kept, %d would be sent", err, len(kept), len(sent))
	}
	if again, _ := prepare(); again != first {
		t.Error("it was prepared again")
	}

	path, _, err := store.Attach(file)
	if err == nil {
		err = os.Chtimes(path, time.Time{}, time.Now().Add(time.Hour))
	}
	if err != nil {
		t.Fatal(err)
	}
	if changed, _ := prepare(); changed == first {
		t.Error("a disk that was written since is not prepared anew")
	}
}
