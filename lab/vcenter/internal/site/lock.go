package site

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// lock makes this process the only one of its directory. The lock goes with
// the process, however it ends.
func lock(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the vCenter's directory: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("another lab-vcenter uses %s: %w", dir, err)
	}
	return f, nil
}
