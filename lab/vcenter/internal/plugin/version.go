package plugin

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Version is up to four numbers; the missing ones are zero.
type Version [4]int

var (
	versionPattern  = regexp.MustCompile(`^\d{1,6}(\.\d{1,6}){0,3}$`)
	intervalPattern = regexp.MustCompile(`^([\[(])\s*([\d.]*)\s*,\s*([\d.]*)\s*([\])])$`)
)

// ParseVersion reads "8.0.2".
func ParseVersion(s string) (v Version, err error) {
	if !versionPattern.MatchString(s) {
		return v, fmt.Errorf("%q is not a version of one to four numbers with dots", s)
	}
	for n, part := range strings.Split(s, ".") {
		if v[n], err = strconv.Atoi(part); err != nil {
			return v, err
		}
	}
	return v, nil
}

// Compare is negative if v is older than w.
func (v Version) Compare(w Version) int {
	for n := range v {
		if c := cmp.Compare(v[n], w[n]); c != 0 {
			return c
		}
	}
	return 0
}

// Range is a set of versions: "[7.0,)", "(7.0,8.0.2]" or one version alone.
type Range struct {
	low, high         *Version
	lowOpen, highOpen bool
}

// ParseRange reads a version or an interval of versions.
func ParseRange(s string) (Range, error) {
	if v, err := ParseVersion(s); err == nil {
		return Range{low: &v, high: &v}, nil
	}
	m := intervalPattern.FindStringSubmatch(s)
	if m == nil {
		return Range{}, fmt.Errorf(`%q is neither a version nor an interval of versions such as "[7.0,)"`, s)
	}
	r := Range{lowOpen: m[1] == "(", highOpen: m[4] == ")"}
	for _, bound := range []struct {
		text string
		to   **Version
	}{{m[2], &r.low}, {m[3], &r.high}} {
		if bound.text == "" {
			continue
		}
		v, err := ParseVersion(bound.text)
		if err != nil {
			return Range{}, err
		}
		*bound.to = &v
	}
	if r.low == nil && r.high == nil {
		return Range{}, fmt.Errorf("the interval %q has no bound", s)
	}
	if r.low != nil && r.high != nil && r.low.Compare(*r.high) > 0 {
		return Range{}, fmt.Errorf("the interval %q holds no version", s)
	}
	return r, nil
}

// Has tells whether v is in the range.
func (r Range) Has(v Version) bool {
	if r.low != nil {
		if c := v.Compare(*r.low); c < 0 || c == 0 && r.lowOpen {
			return false
		}
	}
	if r.high != nil {
		if c := v.Compare(*r.high); c > 0 || c == 0 && r.highOpen {
			return false
		}
	}
	return true
}
