package access

import (
	"github.com/vmware/govmomi/vim25/mo"
)

// Listed tells whether the table has a method of an object's type.
func Listed(obj mo.Reference, method string) bool {
	kinds := []string{obj.Reference().Type, extends[obj.Reference().Type]}
	if _, entity := obj.(mo.Entity); entity {
		kinds = append(kinds, "ManagedEntity")
	}
	for _, kind := range kinds {
		if needed[kind][method] != nil {
			return true
		}
	}
	return false
}
