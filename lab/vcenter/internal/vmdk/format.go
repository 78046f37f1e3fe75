// Package vmdk reads and writes streamOptimized VMDK, the form in which hosts
// export and import disks. All numbers are little-endian, a sector is 512 bytes:
//
//	sector 0       header: magic, flags, capacity, no grain directory (-1)
//	sector 1..20   descriptor, text
//	...128         padding up to the header's overHead
//	grains         marker {LBA u64, size u32}, zlib data, padding to a sector
//	  grain table  after every 512 grains of address space: marker
//	               {sectors u64, 0 u32, type 1 u32}, 512 sector numbers u32
//	directory      marker type 2, the sector numbers of the tables
//	footer         marker type 3, the header again, with the directory's sector
//	end            a sector of zeros
//
// A grain is 128 sectors. Grains of zeros are left out. The layout is VMware's
// "Virtual Disk Format 5.0", section "Stream-Optimized Compressed Sparse Extents".
package vmdk

import (
	"encoding/binary"
	"fmt"
)

const (
	// SectorBytes is the unit of all addresses.
	SectorBytes = 512
	// GrainSectors is the unit of allocation, 64 KiB.
	GrainSectors = 128
	grainBytes   = GrainSectors * SectorBytes
	// grainsPerTable is how many grains one grain table addresses.
	grainsPerTable  = 512
	tableBytes      = grainsPerTable * 4
	tableSectors    = tableBytes / SectorBytes
	headerMagic     = 0x564d444b
	markerBytes     = 12
	overheadSectors = 128
	descriptorAt    = 1
	descriptorSize  = 20
	directoryAtEnd  = ^uint64(0)

	flagNewlines   = 1 << 0
	flagCompressed = 1 << 16
	flagMarkers    = 1 << 17
	deflate        = 1
)

// Kinds of metadata marker.
const (
	markerEnd       = 0
	markerTable     = 1
	markerDirectory = 2
	markerFooter    = 3
)

// header is the part of the sparse extent header that says something here.
type header struct {
	version           uint32
	flags             uint32
	capacitySectors   uint64
	grainSectors      uint64
	descriptorSector  uint64
	descriptorSectors uint64
	entriesPerTable   uint32
	directorySector   uint64
	overheadSectors   uint64
	compression       uint16
}

func (h *header) encode() []byte {
	b := make([]byte, SectorBytes)
	le := binary.LittleEndian
	le.PutUint32(b[0:], headerMagic)
	le.PutUint32(b[4:], h.version)
	le.PutUint32(b[8:], h.flags)
	le.PutUint64(b[12:], h.capacitySectors)
	le.PutUint64(b[20:], h.grainSectors)
	le.PutUint64(b[28:], h.descriptorSector)
	le.PutUint64(b[36:], h.descriptorSectors)
	le.PutUint32(b[44:], h.entriesPerTable)
	le.PutUint64(b[56:], h.directorySector)
	le.PutUint64(b[64:], h.overheadSectors)
	copy(b[73:], "\n \r\n") // tells a transfer in text mode from a binary one
	le.PutUint16(b[77:], h.compression)
	return b
}

func decodeHeader(b []byte) (header, error) {
	le := binary.LittleEndian
	if le.Uint32(b) != headerMagic {
		return header{}, fmt.Errorf("the stream does not begin with a sparse VMDK header")
	}
	h := header{
		version:           le.Uint32(b[4:]),
		flags:             le.Uint32(b[8:]),
		capacitySectors:   le.Uint64(b[12:]),
		grainSectors:      le.Uint64(b[20:]),
		descriptorSector:  le.Uint64(b[28:]),
		descriptorSectors: le.Uint64(b[36:]),
		entriesPerTable:   le.Uint32(b[44:]),
		directorySector:   le.Uint64(b[56:]),
		overheadSectors:   le.Uint64(b[64:]),
		compression:       le.Uint16(b[77:]),
	}
	switch {
	case h.version < 1 || h.version > 3:
		return h, fmt.Errorf("VMDK version %d is not 1 to 3", h.version)
	case h.flags&flagCompressed == 0 || h.flags&flagMarkers == 0 || h.compression != deflate:
		return h, fmt.Errorf("the VMDK is not streamOptimized (flags %#x, compression %d)", h.flags, h.compression)
	case string(b[73:77]) != "\n \r\n":
		return h, fmt.Errorf("the VMDK header's line ends are damaged")
	case h.grainSectors != GrainSectors:
		return h, fmt.Errorf("grains of %d sectors are not %d", h.grainSectors, GrainSectors)
	case h.overheadSectors < 1 || h.overheadSectors > maxOverheadSectors:
		return h, fmt.Errorf("an overhead of %d sectors is not within 1 and %d", h.overheadSectors, maxOverheadSectors)
	}
	return h, nil
}

// maxOverheadSectors allows for tables written ahead of the grains, as qemu-img
// does: for a disk of 2 TiB both copies take 32 MiB.
const maxOverheadSectors = 1 << 22
