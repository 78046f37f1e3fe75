package hook

import "fmt"

// NoSpace says that a datastore cannot take a disk.
type NoSpace struct {
	Datastore              string
	NeededBytes, FreeBytes int64
}

func (e *NoSpace) Error() string {
	return fmt.Sprintf("datastore %q has %d bytes free, %d are needed", e.Datastore, e.FreeBytes, e.NeededBytes)
}
