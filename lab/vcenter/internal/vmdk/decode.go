package vmdk

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// maxCompressedBytes is what zlib can make of a grain that does not compress.
const maxCompressedBytes = grainBytes + grainBytes/16 + 64

// maxMetadataSectors is the directory of a disk of 62 TiB, with room to spare.
const maxMetadataSectors = 1 << 16

// Options change what Decode accepts.
type Options struct {
	// SizeBytes is the size the disk must have; 0 accepts any.
	SizeBytes int64
	// Lenient stores what can be made of a damaged stream: grains out of order
	// are taken, grains that lie outside of the disk or cannot be inflated are
	// left out, and the stream may end anywhere.
	Lenient bool
	// Begin is told the disk's size before the first write.
	Begin func(sizeBytes int64) error
}

// Result tells what was in a stream.
type Result struct {
	SizeBytes int64
	// PopulatedBytes is the size of the grains that were there.
	PopulatedBytes int64
}

// Decode writes the grains of a streamOptimized VMDK to w, which must be all
// zeros. The strict form refuses grains out of range, out of order or of a
// wrong size, a stream that ends early and one that goes on after its end.
func Decode(w io.WriterAt, r io.Reader, opts Options) (Result, error) {
	d := &decoder{r: bufio.NewReaderSize(r, 256<<10), w: w, opts: opts}
	err := d.run()
	return Result{SizeBytes: int64(d.header.capacitySectors) * SectorBytes, PopulatedBytes: d.populated}, err
}

type decoder struct {
	r         *bufio.Reader
	w         io.WriterAt
	opts      Options
	header    header
	next      uint64 // the lowest LBA that may come
	populated int64
	inflater  io.ReadCloser
	data      []byte
	grain     [grainBytes]byte
	footer    bool
}

var errEnd = errors.New("end of stream")

func (d *decoder) run() error {
	if err := d.begin(); err != nil {
		return err
	}
	for {
		err := d.step()
		switch {
		case err == errEnd:
			return nil
		case err != nil && d.opts.Lenient && (errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)):
			return nil
		case err != nil:
			return err
		}
	}
}

func (d *decoder) begin() error {
	sector := make([]byte, SectorBytes)
	if _, err := io.ReadFull(d.r, sector); err != nil {
		return fmt.Errorf("reading the VMDK header: %w", noEOF(err))
	}
	var err error
	if d.header, err = decodeHeader(sector); err != nil {
		return err
	}
	if d.header.capacitySectors == 0 || d.header.capacitySectors > 1<<40 {
		return fmt.Errorf("a capacity of %d sectors cannot be", d.header.capacitySectors)
	}
	size := int64(d.header.capacitySectors) * SectorBytes
	if d.opts.SizeBytes != 0 && size != d.opts.SizeBytes {
		return fmt.Errorf("the stream holds a disk of %d bytes, the disk has %d", size, d.opts.SizeBytes)
	}
	if d.opts.Begin != nil {
		if err := d.opts.Begin(size); err != nil {
			return err
		}
	}
	if err := d.skip(d.header.overheadSectors - 1); err != nil {
		return fmt.Errorf("reading up to the first grain: %w", err)
	}
	return nil
}

// step reads one marker and what belongs to it.
func (d *decoder) step() error {
	var head [16]byte
	if n, err := io.ReadFull(d.r, head[:]); err != nil {
		// qemu-img writes its tables first and neither footer nor end.
		if n == 0 && d.header.directorySector != directoryAtEnd {
			return errEnd
		}
		return fmt.Errorf("the stream ends before its end marker: %w", noEOF(err))
	}
	value := binary.LittleEndian.Uint64(head[:])
	size := binary.LittleEndian.Uint32(head[8:])
	if size > 0 {
		return d.readGrain(value, size, head[markerBytes:])
	}
	if _, err := d.r.Discard(SectorBytes - len(head)); err != nil {
		return fmt.Errorf("reading a marker: %w", noEOF(err))
	}
	return d.metadata(binary.LittleEndian.Uint32(head[markerBytes:]), value)
}

func (d *decoder) metadata(kind uint32, sectors uint64) error {
	switch kind {
	case markerTable, markerDirectory:
		if sectors > maxMetadataSectors {
			return fmt.Errorf("a table of %d sectors is too long", sectors)
		}
		return d.skip(sectors)
	case markerFooter:
		sector := make([]byte, SectorBytes)
		if _, err := io.ReadFull(d.r, sector); err != nil {
			return fmt.Errorf("reading the footer: %w", noEOF(err))
		}
		footer, err := decodeHeader(sector)
		if err != nil && !d.opts.Lenient {
			return fmt.Errorf("footer: %w", err)
		}
		if footer.capacitySectors != d.header.capacitySectors && !d.opts.Lenient {
			return fmt.Errorf("header and footer differ in capacity")
		}
		d.footer = true
		return nil
	case markerEnd:
		if d.opts.Lenient {
			return errEnd
		}
		if d.header.directorySector == directoryAtEnd && !d.footer {
			return fmt.Errorf("the stream has no footer")
		}
		if err := d.drain(); err != nil {
			return err
		}
		return errEnd
	}
	return fmt.Errorf("marker type %d is not known", kind)
}

// drain reads up to the end of the stream. What qemu-img writes is filled up
// with zeros to a whole grain; nothing else may follow the end marker.
func (d *decoder) drain() error {
	allowed := 0
	if d.header.directorySector != directoryAtEnd {
		allowed = grainBytes
	}
	for n := 0; ; n++ {
		b, err := d.r.ReadByte()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if b != 0 || n >= allowed {
			return fmt.Errorf("the stream goes on after its end marker")
		}
	}
}

// readGrain gets the first four bytes of the data in begun.
func (d *decoder) readGrain(lba uint64, size uint32, begun []byte) error {
	if size > maxCompressedBytes {
		return fmt.Errorf("grain at sector %d: %d compressed bytes are too many", lba, size)
	}
	// What follows the data fills the marker's last sector.
	padded := (markerBytes + int(size) + SectorBytes - 1) / SectorBytes * SectorBytes
	need := padded - markerBytes
	if cap(d.data) < need {
		d.data = make([]byte, need)
	}
	d.data = d.data[:need]
	copied := copy(d.data, begun)
	// qemu-img may leave the padding of the last grain out.
	n, err := io.ReadFull(d.r, d.data[copied:])
	if err != nil && (copied+n < int(size) || !atEnd(err)) {
		return fmt.Errorf("reading the grain at sector %d: %w", lba, noEOF(err))
	}
	err = d.storeGrain(lba, d.data[:size])
	if d.opts.Lenient && errors.As(err, new(*damage)) {
		return nil
	}
	return err
}

// damage is a grain that a lenient decoder leaves out.
type damage struct{ error }

func (d *decoder) storeGrain(lba uint64, data []byte) error {
	switch {
	case lba%GrainSectors != 0:
		return &damage{fmt.Errorf("grain address %d is not a multiple of %d", lba, GrainSectors)}
	case lba >= d.header.capacitySectors:
		return &damage{fmt.Errorf("grain address %d is outside of the disk's %d sectors", lba, d.header.capacitySectors)}
	case lba < d.next && !d.opts.Lenient:
		return fmt.Errorf("grain address %d comes after a higher one", lba)
	}
	d.next = lba + GrainSectors
	n, err := d.inflate(data)
	want := min(grainBytes, int((d.header.capacitySectors-lba)*SectorBytes))
	if err != nil {
		return &damage{fmt.Errorf("grain at sector %d: %w", lba, err)}
	}
	if n != grainBytes && n != want {
		return &damage{fmt.Errorf("grain at sector %d has %d bytes, not %d", lba, n, want)}
	}
	d.populated += int64(want)
	if isZero(d.grain[:want]) && !d.opts.Lenient {
		return nil // keeps the file sparse
	}
	_, err = d.w.WriteAt(d.grain[:want], int64(lba)*SectorBytes)
	return err
}

// inflate fills d.grain and returns how long the data is.
func (d *decoder) inflate(data []byte) (int, error) {
	source := bytes.NewReader(data)
	var err error
	if d.inflater == nil {
		d.inflater, err = zlib.NewReader(source)
	} else if resetter, ok := d.inflater.(zlib.Resetter); ok {
		err = resetter.Reset(source, nil)
	}
	if err != nil {
		d.inflater = nil
		return 0, err
	}
	n, err := io.ReadFull(d.inflater, d.grain[:])
	if err == io.ErrUnexpectedEOF {
		err = nil // a shorter last grain; zlib's own checksum was read
	}
	if err == nil && n == grainBytes {
		// Reads the checksum, and finds data that is too long.
		if m, end := d.inflater.Read(make([]byte, 1)); m != 0 {
			return n, fmt.Errorf("the data is longer than a grain")
		} else if end != io.EOF {
			return n, end
		}
	}
	return n, err
}

func (d *decoder) skip(sectors uint64) error {
	_, err := io.CopyN(io.Discard, d.r, int64(sectors)*SectorBytes)
	return noEOF(err)
}

func atEnd(err error) bool { return err == io.EOF || err == io.ErrUnexpectedEOF }

// noEOF turns an end into an unexpected one: nothing here may end early.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
