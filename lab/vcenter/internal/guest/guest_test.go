package guest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/hook"
)

// host remembers what guests say.
type host struct {
	mu   sync.Mutex
	told hook.GuestInfo
	off  bool
}

func (h *host) GuestOff(types.ManagedObjectReference) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.off = true
}

func (h *host) GuestTold(_ types.ManagedObjectReference, info hook.GuestInfo) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.told = info
}

// until waits for something, with a deadline.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for !is() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within two minutes", what)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func TestAGuestBootsFromItsDiskAndKeepsWhatItWrote(t *testing.T) {
	image := os.Getenv("HDM_GUEST_IMAGE")
	if image == "" {
		t.Skip("HDM_GUEST_IMAGE names no image; `cargo xtask test go` does")
	}
	data, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	disk := filepath.Join(t.TempDir(), "disk.raw")
	if err := os.WriteFile(disk, data, 0o600); err != nil {
		t.Fatal(err)
	}
	h := new(host)
	machines := New(t.TempDir(), h)
	defer machines.Close()
	ref := types.ManagedObjectReference{Type: "VirtualMachine", Value: "vm-1"}
	vm := hook.GuestVM{Ref: ref, Name: "web", MemoryMiB: 128, Disks: []hook.GuestDisk{{Path: disk, Format: "raw", Controller: "pvscsi"}}}

	run := func(command string) string {
		t.Helper()
		var output string
		until(t, command, func() bool {
			code, stdout, err := machines.Exec(ref, command, 20*time.Second)
			output = stdout
			return err == nil && code == 0
		})
		return strings.TrimSpace(output)
	}
	if err := machines.Start(vm); err != nil {
		t.Fatal(err)
	}
	run("echo kept > /marker && sync")
	until(t, "the guest's name", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.told.ToolsRunning && h.told.HostName == "lab-guest"
	})
	if err := machines.Shutdown(ref); err != nil {
		t.Fatal(err)
	}
	until(t, "the shutdown", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.off
	})

	if err := machines.Start(vm); err != nil {
		t.Fatal(err)
	}
	if got := run("cat /marker"); got != "kept" {
		t.Fatalf("the marker is %q", got)
	}
	if err := machines.Stop(ref); err != nil {
		t.Fatal(err)
	}
	if output, err := exec.Command("qemu-img", "info", disk).CombinedOutput(); err != nil {
		t.Fatalf("the disk is still in use: %s", output)
	}
}
