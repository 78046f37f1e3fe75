package vim

import (
	"maps"
	"slices"
	"testing"

	"hdm.dev/lab/vcenter/internal/hook"
)

func TestEveryTaskThatMayEndOtherwiseIsAnswered(t *testing.T) {
	if known := slices.Sorted(maps.Keys(answers)); !slices.Equal(known, hook.TaskMethods) {
		t.Errorf("another outcome can be given to %v, and is offered for %v", known, hook.TaskMethods)
	}
}
