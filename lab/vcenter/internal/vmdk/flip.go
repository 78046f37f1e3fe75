package vmdk

import (
	"encoding/binary"
	"math/bits"
)

// Flipper changes the address of one grain in a stream that passes, as a bit
// that falls over in a host's memory would.
type Flipper struct {
	after   int64
	bit     int
	at      int64
	next    int64 // where the next marker is; 0 before the header was seen
	Flipped bool
}

// LowestFlip is the lowest bit of a grain's number in its address: flipped, the
// grain becomes its neighbour.
var LowestFlip = bits.TrailingZeros(GrainSectors)

// NewFlipper flips that bit, 0 to 63, in the address of the first grain whose
// marker is at or after that byte.
func NewFlipper(afterBytes int64, bit int) *Flipper {
	return &Flipper{after: afterBytes, bit: bit & 63}
}

// Pass looks at the next piece of the stream, of whole sectors but for the
// last, and changes it in place.
func (f *Flipper) Pass(b []byte) {
	end := f.at + int64(len(b))
	le := binary.LittleEndian
	if f.at == 0 && len(b) >= SectorBytes {
		f.next = int64(le.Uint64(b[64:])) * SectorBytes
	}
	for !f.Flipped && f.next > 0 && f.next+16 <= end {
		marker := b[f.next-f.at:]
		size := int64(le.Uint32(marker[8:]))
		switch {
		case size == 0 && le.Uint32(marker[markerBytes:]) == markerEnd:
			f.next = 0
		case size == 0:
			f.next += (int64(le.Uint64(marker)) + 1) * SectorBytes
		default:
			if f.next >= f.after {
				le.PutUint64(marker, le.Uint64(marker)^1<<f.bit)
				f.Flipped = true
			}
			f.next += (markerBytes + size + SectorBytes - 1) / SectorBytes * SectorBytes
		}
	}
	f.at = end
}
