package collector_test

import (
	"context"
	"testing"
	"time"

	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/config"
	"hdm.dev/lab/vcenter/internal/site"
)

// An order of the lab's own that waits for what does not come gives up in its time.
func TestWaitEndsWithWhoWaits(t *testing.T) {
	cfg, err := config.Parse([]byte(`{"password": "root"}`))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Dir = t.TempDir()
	lab, err := site.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(lab.Close)
	client := lab.Client()
	collector, err := property.DefaultCollector(client).Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err = collector.CreateFilter(t.Context(), types.CreateFilter{Spec: types.PropertyFilterSpec{
		PropSet:   []types.PropertySpec{{Type: "Folder", PathSet: []string{"name"}}},
		ObjectSet: []types.ObjectSpec{{Obj: client.ServiceContent.RootFolder}}}}); err != nil {
		t.Fatal(err)
	}
	wait := func(ctx context.Context, version string) (*types.WaitForUpdatesExResponse, error) {
		return methods.WaitForUpdatesEx(ctx, client, &types.WaitForUpdatesEx{This: collector.Reference(), Version: version})
	}
	all, err := wait(t.Context(), "")
	if err != nil || all.Returnval == nil {
		t.Fatalf("nothing is told: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := wait(ctx, all.Returnval.Version)
		ended <- err
	}()
	select {
	case err := <-ended:
		if err == nil {
			t.Error("something is told, though nothing has changed")
		}
	case <-time.After(30 * time.Second):
		t.Error("it waits though nobody does any more")
	}
}
