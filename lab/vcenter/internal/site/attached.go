package site

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	pbmmethods "github.com/vmware/govmomi/pbm/methods"
	pbm "github.com/vmware/govmomi/pbm/simulator"
	pbmtypes "github.com/vmware/govmomi/pbm/types"
	"github.com/vmware/govmomi/simulator"
	vapi "github.com/vmware/govmomi/vapi/simulator"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/auth"
	"hdm.dev/lab/vcenter/internal/inventory"
)

// policies is vcsim's manager of storage policies, which associates none.
type policies struct {
	*pbm.ProfileManager
	// of tells the policy of a VM, by the VM's id.
	of map[string]pbmtypes.PbmProfileId
}

// associated knows VMs and their disks ("vm-12:2000").
func (p *policies) associated(entity pbmtypes.PbmServerObjectRef) []pbmtypes.PbmProfileId {
	vm, _, _ := strings.Cut(entity.Key, ":")
	if id, has := p.of[vm]; has {
		return []pbmtypes.PbmProfileId{id}
	}
	return nil
}

// PbmQueryAssociatedProfile tells the policies of one object.
func (p *policies) PbmQueryAssociatedProfile(req *pbmtypes.PbmQueryAssociatedProfile) soap.HasFault {
	res := &pbmtypes.PbmQueryAssociatedProfileResponse{Returnval: p.associated(req.Entity)}
	return &pbmmethods.PbmQueryAssociatedProfileBody{Res: res}
}

// PbmQueryAssociatedProfiles tells those of many.
func (p *policies) PbmQueryAssociatedProfiles(req *pbmtypes.PbmQueryAssociatedProfiles) soap.HasFault {
	res := new(pbmtypes.PbmQueryAssociatedProfilesResponse)
	for _, entity := range req.Entities {
		res.Returnval = append(res.Returnval, pbmtypes.PbmQueryProfileResult{Object: entity, ProfileId: p.associated(entity)})
	}
	return &pbmmethods.PbmQueryAssociatedProfilesBody{Res: res}
}

// makePolicies replaces vcsim's manager in its own registry.
func makePolicies(registry *simulator.Registry) *policies {
	for _, object := range registry.AllReference("PbmProfileProfileManager") {
		if manager, is := object.(*pbm.ProfileManager); is {
			p := &policies{ProfileManager: manager, of: make(map[string]pbmtypes.PbmProfileId)}
			registry.Put(p)
			return p
		}
	}
	return nil
}

// attach gives VMs what hangs on them without being part of them.
func (s *Site) attach(all []inventory.Attached) error {
	rest := rest{handler: s.vapi, category: make(map[string]string), tag: make(map[string]string)}
	ctx := s.own()
	for _, a := range all {
		for _, name := range a.VM.Tags {
			if err := rest.attach(s, name, a.Ref); err != nil {
				return fmt.Errorf("tag %q of %q: %w", name, a.VM.Name, err)
			}
		}
		for _, user := range a.VM.Permissions {
			if err := s.Authority().Grant(a.Ref, auth.Permission{Principal: user, Role: auth.RoleAdmin}); err != nil {
				return fmt.Errorf("permission of %q on %q: %w", user, a.VM.Name, err)
			}
		}
		if name := a.VM.StoragePolicy; name != "" {
			made, _ := s.policies.PbmCreate(ctx, &pbmtypes.PbmCreate{CreateSpec: pbmtypes.PbmCapabilityProfileCreateSpec{
				Name: name, ResourceType: pbmtypes.PbmProfileResourceType{ResourceType: "STORAGE"},
			}}).(*pbmmethods.PbmCreateBody)
			s.policies.of[a.Ref.Value] = made.Res.Returnval
		}
	}
	return nil
}

// rest speaks to vcsim's vAPI without a listener.
type rest struct {
	handler       http.Handler
	session       string
	category, tag map[string]string
}

func (r *rest) attach(s *Site, name string, vm types.ManagedObjectReference) error {
	category, tag, ok := strings.Cut(name, "/")
	if !ok {
		return fmt.Errorf("it is not CATEGORY/TAG")
	}
	if r.session == "" {
		if err := r.call(s, "/com/vmware/cis/session", nil, &r.session); err != nil {
			return err
		}
	}
	if r.category[category] == "" {
		spec := map[string]any{"create_spec": map[string]any{"name": category, "description": "", "cardinality": "MULTIPLE",
			"associable_types": []string{"VirtualMachine"}}}
		var id string
		if err := r.call(s, "/com/vmware/cis/tagging/category", spec, &id); err != nil {
			return err
		}
		r.category[category] = id
	}
	if r.tag[name] == "" {
		spec := map[string]any{"create_spec": map[string]any{"name": tag, "description": "", "category_id": r.category[category]}}
		var id string
		if err := r.call(s, "/com/vmware/cis/tagging/tag", spec, &id); err != nil {
			return err
		}
		r.tag[name] = id
	}
	object := map[string]any{"object_id": map[string]string{"id": vm.Value, "type": vm.Type}}
	return r.call(s, "/com/vmware/cis/tagging/tag-association/id:"+r.tag[name]+"?~action=attach", object, nil)
}

// call posts and reads the answer's value.
func (r *rest) call(s *Site, path string, body, value any) error {
	encoded, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request := httptest.NewRequest(http.MethodPost, "/rest"+path, bytes.NewReader(encoded))
	request.Header.Set("vmware-api-session-id", r.session)
	request.SetBasicAuth(s.cfg.User, s.cfg.Password)
	recorder := httptest.NewRecorder()
	r.handler.ServeHTTP(recorder, request)
	if recorder.Code != http.StatusOK {
		return fmt.Errorf("%s: status %d: %s", path, recorder.Code, recorder.Body)
	}
	if value == nil {
		return nil
	}
	return json.Unmarshal(recorder.Body.Bytes(), &struct{ Value any }{value})
}

// makeVAPI serves vcsim's REST endpoints.
func (s *Site) makeVAPI(registry *simulator.Registry) {
	var patterns []string
	patterns, s.vapi = vapi.New(s.svc.Listen, registry)
	for _, pattern := range patterns {
		s.svc.Handle(pattern, s.vapi)
	}
}
