package vmdk

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// sample is a disk with holes and with grains of all kinds; its size is no
// multiple of a grain, and it has more than one grain table.
func sample(t *testing.T) []byte {
	t.Helper()
	disk := make([]byte, 70<<20+3*SectorBytes)
	source := rand.NewChaCha8([32]byte{1})
	_, _ = source.Read(disk[:300_000])
	_, _ = source.Read(disk[40<<20 : 41<<20])
	for i := 60 << 20; i < 61<<20; i++ {
		disk[i] = byte(i >> 10)
	}
	_, _ = source.Read(disk[len(disk)-700:])
	return disk
}

func encode(t *testing.T, disk []byte) []byte {
	t.Helper()
	var stream bytes.Buffer
	if _, err := Encode(&stream, bytes.NewReader(disk), int64(len(disk)), `we"ird`); err != nil {
		t.Fatal(err)
	}
	return stream.Bytes()
}

// memory is a disk in memory.
type memory []byte

func (m memory) WriteAt(b []byte, at int64) (int, error) {
	if at+int64(len(b)) > int64(len(m)) {
		return 0, io.ErrShortWrite
	}
	return copy(m[at:], b), nil
}

func TestRoundTrip(t *testing.T) {
	disk := sample(t)
	got := make(memory, len(disk))
	result, err := Decode(got, bytes.NewReader(encode(t, disk)), Options{SizeBytes: int64(len(disk))})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, disk) {
		t.Error("the disk came back changed")
	}
	if result.PopulatedBytes >= int64(len(disk)) || result.PopulatedBytes < 2<<20 {
		t.Errorf("%d populated bytes: holes were sent, or grains were not", result.PopulatedBytes)
	}
}

func TestQemuImgReadsWhatWeWrite(t *testing.T) {
	disk := sample(t)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.vmdk"), encode(t, disk))
	qemuImg(t, "convert", "-f", "vmdk", "-O", "raw", filepath.Join(dir, "a.vmdk"), filepath.Join(dir, "a.raw"))
	got, err := os.ReadFile(filepath.Join(dir, "a.raw"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, disk) {
		t.Error("qemu-img read something else")
	}
}

func TestWeReadWhatQemuImgWrites(t *testing.T) {
	for name, size := range map[string]int{"odd": 70<<20 + 3*SectorBytes, "even": 64 << 20, "small": SectorBytes} {
		t.Run(name, func(t *testing.T) {
			disk := make([]byte, size)
			copy(disk, sample(t))
			disk[size-1] = 7
			dir := t.TempDir()
			write(t, filepath.Join(dir, "a.raw"), disk)
			qemuImg(t, "convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=streamOptimized",
				filepath.Join(dir, "a.raw"), filepath.Join(dir, "a.vmdk"))
			stream, err := os.ReadFile(filepath.Join(dir, "a.vmdk"))
			if err != nil {
				t.Fatal(err)
			}
			got := make(memory, size)
			if _, err := Decode(got, bytes.NewReader(stream), Options{SizeBytes: int64(size)}); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, disk) {
				t.Error("the disk came back changed")
			}
		})
	}
}

func TestStrictDecoderRefusesDamage(t *testing.T) {
	disk := sample(t)
	first := overheadSectors * SectorBytes
	for name, test := range map[string]struct {
		damage func([]byte) []byte
		says   string
	}{
		"out of range": {func(b []byte) []byte { b[first+6] = 1; return b }, "outside"},
		"not aligned":  {func(b []byte) []byte { b[first] = 1; return b }, "multiple"},
		"order": {func(b []byte) []byte {
			binary.LittleEndian.PutUint64(b[first:], 1<<16)
			return b
		}, "higher"},
		"data":      {func(b []byte) []byte { b[first+200] ^= 4; return b }, "grain at sector 0"},
		"magic":     {func(b []byte) []byte { b[0] = 0; return b }, "header"},
		"cut":       {func(b []byte) []byte { return b[:len(b)/2] }, "EOF"},
		"no end":    {func(b []byte) []byte { return b[:len(b)-SectorBytes] }, "ends before"},
		"trailing":  {func(b []byte) []byte { return append(b, 0) }, "goes on"},
		"long size": {func(b []byte) []byte { b[first+11] = 0x7f; return b }, "too many"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Decode(make(memory, len(disk)), bytes.NewReader(test.damage(encode(t, disk))),
				Options{SizeBytes: int64(len(disk))})
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("the error is %v and should say %q", err, test.says)
			}
		})
	}
	if _, err := Decode(make(memory, len(disk)), bytes.NewReader(encode(t, disk)), Options{SizeBytes: 1 << 20}); err == nil {
		t.Error("a stream of a larger disk was accepted")
	}
}

func TestFlippedAddressDamagesTheDiskUnnoticed(t *testing.T) {
	disk := sample(t)
	stream := encode(t, disk)
	whole := bytes.Clone(stream)
	flipper := NewFlipper(100_000, LowestFlip)
	for at := 0; at < len(stream); at += 4096 {
		flipper.Pass(stream[at:min(at+4096, len(stream))])
	}
	if !flipper.Flipped {
		t.Fatal("nothing was flipped")
	}
	changed := 0
	for i := range stream {
		if stream[i] != whole[i] {
			changed++
		}
	}
	if changed != 1 {
		t.Errorf("%d bytes were changed instead of one", changed)
	}
	got := make(memory, len(disk))
	if _, err := Decode(got, bytes.NewReader(stream), Options{Lenient: true}); err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(got, disk) {
		t.Error("the disk is not damaged")
	}
}

func FuzzDecode(f *testing.F) {
	disk := make([]byte, 3*grainBytes)
	disk[5] = 1
	var stream bytes.Buffer
	if _, err := Encode(&stream, bytes.NewReader(disk), int64(len(disk)), "f"); err != nil {
		f.Fatal(err)
	}
	f.Add(stream.Bytes(), true)
	f.Add(stream.Bytes(), false)
	f.Fuzz(func(t *testing.T, data []byte, lenient bool) {
		// Whatever comes, the decoder ends and writes inside of the disk.
		_, _ = Decode(make(memory, len(disk)), bytes.NewReader(data), Options{SizeBytes: int64(len(disk)), Lenient: lenient})
	})
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func qemuImg(t *testing.T, args ...string) {
	t.Helper()
	program, err := exec.LookPath("qemu-img")
	if err != nil {
		t.Skip("qemu-img is not installed")
	}
	if out, err := exec.Command(program, args...).CombinedOutput(); err != nil {
		t.Fatalf("qemu-img %v: %v\n%s", args, err, out)
	}
}
