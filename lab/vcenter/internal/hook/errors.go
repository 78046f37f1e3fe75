package hook

import (
	"fmt"

	"github.com/vmware/govmomi/vim25/types"
)

// NoSpace says that a datastore cannot take a disk.
type NoSpace struct {
	Datastore              string
	NeededBytes, FreeBytes int64
}

func (e *NoSpace) Error() string {
	return fmt.Sprintf("datastore %q has %d bytes free, %d are needed", e.Datastore, e.FreeBytes, e.NeededBytes)
}

// Fault is how vCenter says it, with its message.
func (e *NoSpace) Fault() (types.BaseMethodFault, string) {
	file := types.FileFault{File: "[" + e.Datastore + "]"}
	return &types.NoDiskSpace{FileFault: file, Datastore: e.Datastore},
		"Insufficient disk space on datastore '" + e.Datastore + "': " + e.Error()
}
