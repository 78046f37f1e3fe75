package vmdk

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"io"
)

// Encode writes the disk of that size that r holds as a streamOptimized VMDK.
// Each Write to w is of whole sectors. name is for the descriptor only. It
// returns the size of the grains that are not zero.
func Encode(w io.Writer, r io.ReaderAt, sizeBytes int64, name string) (populatedBytes int64, err error) {
	if sizeBytes <= 0 || sizeBytes%SectorBytes != 0 {
		return 0, fmt.Errorf("a disk of %d bytes is not of whole sectors", sizeBytes)
	}
	e := &encoder{w: w, sectors: uint64(sizeBytes) / SectorBytes}
	e.header = header{
		version: 3, flags: flagNewlines | flagCompressed | flagMarkers,
		capacitySectors: e.sectors, grainSectors: GrainSectors,
		descriptorSector: descriptorAt, descriptorSectors: descriptorSize,
		entriesPerTable: grainsPerTable, directorySector: directoryAtEnd,
		overheadSectors: overheadSectors, compression: deflate,
	}
	if err := e.begin(name); err != nil {
		return 0, err
	}
	if err := e.grains(r); err != nil {
		return 0, err
	}
	return e.populated, e.end()
}

type encoder struct {
	w       io.Writer
	header  header
	sectors uint64
	// at is the sector that is written next.
	at        uint64
	table     [grainsPerTable]uint32
	tableUsed bool
	directory []uint32
	populated int64
}

// write pads to whole sectors.
func (e *encoder) write(b []byte) error {
	if tail := len(b) % SectorBytes; tail != 0 {
		b = append(b, make([]byte, SectorBytes-tail)...)
	}
	e.at += uint64(len(b)) / SectorBytes
	_, err := e.w.Write(b)
	return err
}

func (e *encoder) begin(name string) error {
	// The geometry is what old guests are told; it is capped as everybody does.
	cylinders := min(e.sectors/(255*63), 65535)
	text := fmt.Sprintf("# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\n"+
		"createType=\"streamOptimized\"\n\n# Extent description\nRDONLY %d SPARSE \"%s\"\n\n"+
		"# The Disk Data Base\n#DDB\n\nddb.adapterType = \"lsilogic\"\nddb.geometry.cylinders = \"%d\"\n"+
		"ddb.geometry.heads = \"255\"\nddb.geometry.sectors = \"63\"\nddb.virtualHWVersion = \"4\"\n",
		e.sectors, safeName(name), cylinders)
	b := make([]byte, overheadSectors*SectorBytes)
	copy(b, e.header.encode())
	copy(b[descriptorAt*SectorBytes:], text)
	return e.write(b)
}

// safeName keeps a VM's odd name from breaking the descriptor's syntax.
func safeName(name string) string {
	clean := []byte(name)
	for i, c := range clean {
		if c < ' ' || c == '"' || c == '\\' {
			clean[i] = '_'
		}
	}
	return string(clean[:min(len(clean), 255)])
}

func (e *encoder) grains(r io.ReaderAt) error {
	grain := make([]byte, grainBytes)
	var out bytes.Buffer
	// Speed before size: the lab's disks are mostly random or empty.
	deflater, err := zlib.NewWriterLevel(&out, zlib.BestSpeed)
	if err != nil {
		return err
	}
	for lba := uint64(0); lba < e.sectors; lba += GrainSectors {
		index := lba / GrainSectors % grainsPerTable
		if index == 0 && lba > 0 {
			if err := e.flushTable(); err != nil {
				return err
			}
		}
		// The last grain of an odd disk is whole and ends in zeros.
		want := min(grainBytes, int((e.sectors-lba)*SectorBytes))
		clear(grain[want:])
		if n, err := r.ReadAt(grain[:want], int64(lba)*SectorBytes); n < want {
			return fmt.Errorf("reading the disk at sector %d: %w", lba, err)
		}
		if isZero(grain) {
			continue
		}
		out.Reset()
		out.Write(make([]byte, markerBytes))
		deflater.Reset(&out)
		if _, err := deflater.Write(grain); err != nil {
			return err
		}
		if err := deflater.Close(); err != nil {
			return err
		}
		b := out.Bytes()
		binary.LittleEndian.PutUint64(b, lba)
		binary.LittleEndian.PutUint32(b[8:], uint32(len(b)-markerBytes))
		if e.at > 1<<32-1 {
			return fmt.Errorf("the stream is longer than the 2 TiB that grain tables can address")
		}
		e.table[index] = uint32(e.at)
		e.tableUsed = true
		e.populated += int64(want)
		if err := e.write(b); err != nil {
			return err
		}
	}
	return e.flushTable()
}

func (e *encoder) marker(kind uint32, sectors uint64) error {
	b := make([]byte, SectorBytes)
	binary.LittleEndian.PutUint64(b, sectors)
	binary.LittleEndian.PutUint32(b[markerBytes:], kind)
	return e.write(b)
}

// flushTable leaves tables without grains out; their directory entry is 0.
func (e *encoder) flushTable() error {
	if !e.tableUsed {
		e.directory = append(e.directory, 0)
		return nil
	}
	if err := e.marker(markerTable, tableSectors); err != nil {
		return err
	}
	e.directory = append(e.directory, uint32(e.at))
	b := make([]byte, tableBytes)
	for i, sector := range e.table {
		binary.LittleEndian.PutUint32(b[i*4:], sector)
	}
	clear(e.table[:])
	e.tableUsed = false
	return e.write(b)
}

func (e *encoder) end() error {
	b := make([]byte, len(e.directory)*4)
	for i, sector := range e.directory {
		binary.LittleEndian.PutUint32(b[i*4:], sector)
	}
	if err := e.marker(markerDirectory, uint64(len(b)+SectorBytes-1)/SectorBytes); err != nil {
		return err
	}
	e.header.directorySector = e.at
	if err := e.write(b); err != nil {
		return err
	}
	if err := e.marker(markerFooter, 1); err != nil {
		return err
	}
	if err := e.write(e.header.encode()); err != nil {
		return err
	}
	return e.marker(markerEnd, 0)
}

func isZero(b []byte) bool {
	for ; len(b) >= 8; b = b[8:] {
		if binary.NativeEndian.Uint64(b) != 0 {
			return false
		}
	}
	for _, x := range b {
		if x != 0 {
			return false
		}
	}
	return true
}
