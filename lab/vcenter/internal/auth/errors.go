package auth

import "fmt"

// NotFound says that a role, a user or a permission is not there.
type NotFound struct{ What string }

func (e *NotFound) Error() string { return e.What + " is not known." }

// Taken says that a name is in use.
type Taken struct{ Name string }

func (e *Taken) Error() string { return fmt.Sprintf("The name %q is taken.", e.Name) }

// Invalid says which argument of a call cannot be taken, and why.
type Invalid struct{ Argument, Why string }

func (e *Invalid) Error() string { return e.Why }

// InUse says that a role cannot be removed because permissions name it.
type InUse struct{ Role string }

func (e *InUse) Error() string {
	return fmt.Sprintf("There are permissions with the role %q; remove them first.", e.Role)
}

// LastAdministrator says that nobody would be left who may everything.
type LastAdministrator struct{}

func (*LastAdministrator) Error() string {
	return "Without this permission nobody would have the Administrator role on the root folder; give it to somebody else first."
}
