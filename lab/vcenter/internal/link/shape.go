package link

import (
	"errors"
	"sync"
	"time"
)

// Shape is what a link does to the bytes it carries. The zero Shape does
// nothing to them.
type Shape struct {
	// BandwidthMbit limits each direction, over all connections together, in
	// 10^6 bits per second. 0 is unlimited.
	BandwidthMbit float64 `json:"bandwidth_mbit"`
	// DelayMS holds every byte back for this long on its way, in milliseconds,
	// in each direction: half of the round-trip time.
	DelayMS int64 `json:"delay_ms"`
	// Cut breaks every connection and refuses new ones.
	Cut bool `json:"cut"`
}

const (
	maxBandwidthMbit = 100_000
	maxDelayMS       = 60_000
)

// Check tells what no link can do.
func (s Shape) Check() error {
	switch {
	case s.BandwidthMbit < 0 || s.BandwidthMbit > maxBandwidthMbit:
		return errors.New("bandwidth_mbit must be 0 (unlimited) to 100000")
	case s.DelayMS < 0 || s.DelayMS > maxDelayMS:
		return errors.New("delay_ms must be 0 to 60000")
	}
	return nil
}

// pace spreads the bytes of one direction over time. It keeps the instant at
// which the link will have sent everything it was given so far.
type pace struct {
	mu   sync.Mutex
	free time.Time
}

// reserve gives n bytes to the link and returns the instant at which the last
// of them has left. A change of the bandwidth holds from the next call on.
func (p *pace) reserve(n int, bandwidthMbit float64, now time.Time) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	if bandwidthMbit <= 0 {
		p.free = now
		return now
	}
	if p.free.Before(now) {
		p.free = now
	}
	p.free = p.free.Add(time.Duration(float64(n) * 8 / bandwidthMbit * 1000))
	return p.free
}
