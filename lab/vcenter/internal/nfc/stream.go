package nfc

import (
	"errors"
	"io"
	"time"

	"hdm.dev/lab/vcenter/internal/vmdk"
)

const pieceBytes = 64 << 10

var (
	errCut       = errors.New("the connection was cut by a fault rule")
	errTruncated = errors.New("the stream was truncated by a fault rule")
	errStatus    = errors.New("the upload was refused by a fault rule")
	errLeaseOver = errors.New("the lease has ended")
)

// breakAt lets the fault happen once its byte is reached: it splits what passes
// and calls happen between the two parts.
type breakAt struct {
	passed int64
	done   bool
}

// split returns how much of n bytes may pass before the fault.
func (b *breakAt) split(after int64, n int) (before int, now bool) {
	if b.done || b.passed+int64(n) < after || n == 0 {
		b.passed += int64(n)
		return n, false
	}
	b.done = true
	before = int(max(0, after-b.passed))
	b.passed += int64(before)
	return before, true
}

// pause waits as a stalled host does, until the lease or the request ends.
func (t *transfer) pause(d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-t.fault.Resume:
		return nil
	case <-t.l.alive.Done():
		return errLeaseOver
	case <-t.r.Context().Done():
		return t.r.Context().Err()
	}
}

// outgoing is the wire of an export, behind the host's checksum.
type outgoing struct {
	t     *transfer
	sent  int64
	at    breakAt
	flip  *vmdk.Flipper
	piece []byte
}

func (o *outgoing) Write(b []byte) (int, error) {
	t := o.t
	if t.l.alive.Err() != nil {
		return 0, errLeaseOver
	}
	f := t.fault
	if f == nil {
		n, err := t.w.Write(b)
		o.sent += int64(n)
		return n, err
	}
	// A copy, because the encoder's bytes are not ours to change.
	o.piece = append(o.piece[:0], b...)
	if f.FlipLBA {
		if o.flip == nil {
			o.flip = vmdk.NewFlipper(f.AfterBytes, f.FlipBit)
		}
		o.flip.Pass(o.piece)
	}
	before, now := o.at.split(f.AfterBytes, len(b))
	n, err := t.w.Write(o.piece[:before])
	o.sent += int64(n)
	if err != nil || !now {
		return n, err
	}
	if flusher, ok := t.w.(interface{ FlushError() error }); ok {
		_ = flusher.FlushError() // so that the client has what came before
	}
	t.act()
	if f.Stall > 0 {
		if err := t.pause(f.Stall); err != nil {
			return n, err
		}
	}
	switch {
	case f.HTTPStatus != 0, f.Cut:
		return n, errCut
	case f.Truncate:
		return n, errTruncated
	}
	rest, err := t.w.Write(o.piece[before:])
	o.at.passed += int64(rest)
	o.sent += int64(rest)
	return n + rest, err
}

// incoming is the body of an import, before the host's checksum.
type incoming struct {
	t        *transfer
	received int64
	// broken is why the body did not come to its end, if it did not.
	broken error
	// status is what a fault rule wants to be answered.
	status int

	at    breakAt
	flip  *vmdk.Flipper
	piece []byte
	rest  []byte
	err   error
}

func (i *incoming) Read(b []byte) (int, error) {
	for len(i.rest) == 0 {
		if i.err != nil {
			return 0, i.err
		}
		i.fill()
	}
	n := copy(b, i.rest)
	i.rest = i.rest[n:]
	return n, nil
}

// fill takes the next piece from the wire: whole sectors, but for the last.
func (i *incoming) fill() {
	if i.t.l.alive.Err() != nil {
		i.err, i.broken = errLeaseOver, errLeaseOver
		return
	}
	if i.piece == nil {
		i.piece = make([]byte, pieceBytes)
	}
	n, err := readFull(i.t.r.Body, i.piece)
	if err != nil && err != io.EOF {
		i.broken = err
	}
	i.err = err
	piece := i.piece[:n]
	if f := i.t.fault; f != nil {
		if f.FlipLBA {
			if i.flip == nil {
				i.flip = vmdk.NewFlipper(f.AfterBytes, f.FlipBit)
			}
			i.flip.Pass(piece)
		}
		if before, now := i.at.split(f.AfterBytes, n); now {
			piece = i.happen(piece, before)
		}
	}
	i.received += int64(len(piece))
	_, _ = i.t.sum.Write(piece) // never fails
	i.rest = piece
}

// readFull fills b unless the body ends or breaks before. Unlike io.ReadFull it
// keeps the two apart.
func readFull(r io.Reader, b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var m int
		m, err = r.Read(b[n:])
		n += m
	}
	return n, err
}

func (i *incoming) happen(piece []byte, before int) []byte {
	f := i.t.fault
	i.t.act()
	if f.Stall > 0 {
		if err := i.t.pause(f.Stall); err != nil {
			i.err, i.broken = err, err
			return piece[:before]
		}
	}
	switch {
	case f.HTTPStatus != 0:
		i.err, i.broken, i.status = errStatus, errStatus, f.HTTPStatus
	case f.Truncate:
		i.err = io.EOF
	case f.Cut:
		i.err, i.broken = errCut, errCut
	default:
		i.at.passed += int64(len(piece) - before)
		return piece
	}
	return piece[:before]
}

// drain reads what a decoder left of the body, which belongs to the checksum.
func (i *incoming) drain() error {
	_, err := io.Copy(io.Discard, i)
	return err
}
