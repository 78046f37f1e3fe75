package access

// Which privilege each method needs, as the "Required Privileges" of the vSphere
// Web Services API Reference say, by the type that defines the method.
//
//	here(P)        P on the object of the call
//	at("Pool", P)  P on the object that an argument names
//
// Methods that are not listed need System.Read if their names say that they only
// read, else the Administrator role.

// unlisted is what a writing method needs that is not in the table: a privilege
// that is of vCenter itself and in nobody's role but an administrator's.
const unlisted = "Global.VCServer"

// readers begin the names of methods that change nothing.
var readers = []string{"Query", "Find", "Retrieve", "Get", "List", "Read", "Search", "Check", "Validate", "Recommend", "Estimate", "Fetch"}

// extends names the type that a type's methods come from beside its own.
var extends = map[string]string{
	"ClusterComputeResource": "ComputeResource", "VirtualApp": "ResourcePool", "StoragePod": "Folder",
	"DistributedVirtualPortgroup": "Network", "OpaqueNetwork": "Network", "VmwareDistributedVirtualSwitch": "DistributedVirtualSwitch",
}

// unmentioned are methods whose arguments may name what the session cannot see:
// they answer for themselves, or their rules do.
var unmentioned = map[string]bool{
	"RetrieveProperties": true, "RetrievePropertiesEx": true, "CreateFilter": true, "Fetch": true,
	"HasPrivilegeOnEntity": true, "HasPrivilegeOnEntities": true,
	"HasUserPrivilegeOnEntities": true, "FetchUserPrivilegeOnEntities": true,
	// A device keeps its network, hidden or not; a new one needs Network.Assign.
	"ReconfigVM_Task": true,
}

const (
	view       = "System.View"
	read       = "System.Read"
	assignVM   = "Resource.AssignVMToPool"
	files      = "Datastore.FileManagement"
	browse     = "Datastore.Browse"
	hostNet    = "Host.Config.Network"
	hostStore  = "Host.Config.Storage"
	keys       = "Cryptographer.ManageKeyServers"
	inGuest    = "VirtualMachine.GuestOperations.Modify"
	askGuest   = "VirtualMachine.GuestOperations.Query"
	runInGuest = "VirtualMachine.GuestOperations.Execute"
)

// destroyed and renamed are the privileges of Destroy_Task and Rename_Task.
var destroyed = map[string]string{
	"VirtualMachine": "VirtualMachine.Inventory.Delete", "VirtualApp": "VApp.Delete", "ResourcePool": "Resource.DeletePool",
	"Folder": "Folder.Delete", "StoragePod": "Folder.Delete", "Datacenter": "Datacenter.Delete", "Datastore": "Datastore.Delete",
	"ClusterComputeResource": "Host.Inventory.DeleteCluster", "ComputeResource": "Host.Inventory.RemoveHostFromCluster",
	"HostSystem": "Host.Inventory.RemoveHostFromCluster", "Network": "Network.Delete",
	"DistributedVirtualPortgroup": "DVPortgroup.Delete", "DistributedVirtualSwitch": "DVSwitch.Delete",
	"VmwareDistributedVirtualSwitch": "DVSwitch.Delete",
}

var renamed = map[string]string{
	"VirtualMachine": "VirtualMachine.Config.Rename", "VirtualApp": "VApp.Rename", "ResourcePool": "Resource.RenamePool",
	"Folder": "Folder.Rename", "StoragePod": "Folder.Rename", "Datacenter": "Datacenter.Rename", "Datastore": "Datastore.Rename",
	"ClusterComputeResource": "Host.Inventory.RenameCluster", "ComputeResource": "Host.Inventory.RenameCluster",
	"DistributedVirtualPortgroup": "DVPortgroup.Modify", "DistributedVirtualSwitch": "DVSwitch.Modify",
	"VmwareDistributedVirtualSwitch": "DVSwitch.Modify",
}

// intoFolder and intoPool are the privileges to move something, by its type.
var intoFolder = map[string]string{
	"VirtualMachine": "VirtualMachine.Inventory.Move", "VirtualApp": "VApp.Move", "Folder": "Folder.Move", "StoragePod": "Folder.Move",
	"Datacenter": "Datacenter.Move", "Datastore": "Datastore.Move", "Network": "Network.Move",
	"ClusterComputeResource": "Host.Inventory.MoveCluster", "ComputeResource": "Host.Inventory.MoveHost",
}

var intoPool = map[string]string{
	"VirtualMachine": assignVM, "ResourcePool": "Resource.MovePool", "VirtualApp": "Resource.AssignVAppToPool",
}

var needed = map[string]map[string]rule{
	"ManagedEntity": {
		"Destroy_Task":   byKind(destroyed),
		"Rename_Task":    byKind(renamed),
		"Reload":         here(read),
		"setCustomValue": here("Global.SetCustomField"),
		"SetCustomValue": here("Global.SetCustomField"),
	},
	"VirtualMachine": {
		"PowerOnVM_Task":                  here("VirtualMachine.Interact.PowerOn"),
		"PowerOffVM_Task":                 here("VirtualMachine.Interact.PowerOff"),
		"TerminateVM":                     here("VirtualMachine.Interact.PowerOff"),
		"ResetVM_Task":                    here("VirtualMachine.Interact.Reset"),
		"SuspendVM_Task":                  here("VirtualMachine.Interact.Suspend"),
		"ShutdownGuest":                   here("VirtualMachine.Interact.PowerOff"),
		"RebootGuest":                     here("VirtualMachine.Interact.Reset"),
		"StandbyGuest":                    here("VirtualMachine.Interact.Suspend"),
		"AnswerVM":                        here("VirtualMachine.Interact.AnswerQuestion"),
		"AcquireTicket":                   here("VirtualMachine.Interact.ConsoleInteract"),
		"MountToolsInstaller":             here("VirtualMachine.Interact.ToolsInstall"),
		"UnmountToolsInstaller":           here("VirtualMachine.Interact.ToolsInstall"),
		"UpgradeTools_Task":               here("VirtualMachine.Interact.ToolsInstall"),
		"ReconfigVM_Task":                 reconfigured,
		"UpgradeVM_Task":                  here("VirtualMachine.Config.UpgradeVirtualHardware"),
		"AttachDisk_Task":                 all(here("VirtualMachine.Config.AddExistingDisk"), at("Datastore", read)),
		"DetachDisk_Task":                 here("VirtualMachine.Config.RemoveDisk"),
		"CreateSnapshot_Task":             here("VirtualMachine.State.CreateSnapshot"),
		"CreateSnapshotEx_Task":           here("VirtualMachine.State.CreateSnapshot"),
		"RevertToCurrentSnapshot_Task":    here("VirtualMachine.State.RevertToSnapshot"),
		"RemoveAllSnapshots_Task":         here("VirtualMachine.State.RemoveSnapshot"),
		"ConsolidateVMDisks_Task":         here("VirtualMachine.State.RemoveSnapshot"),
		"ExportVm":                        here("VApp.Export"),
		"UnregisterVM":                    here("VirtualMachine.Inventory.Unregister"),
		"RelocateVM_Task":                 all(whenOn("Resource.HotMigrate", "Resource.ColdMigrate"), at("Spec.Pool", assignVM), at("Spec.Datastore", "Datastore.AllocateSpace"), at("Spec.Folder", "VirtualMachine.Inventory.Move")),
		"MigrateVM_Task":                  all(whenOn("Resource.HotMigrate", "Resource.ColdMigrate"), at("Pool", assignVM)),
		"CloneVM_Task":                    all(here("VirtualMachine.Provisioning.Clone"), at("Folder", "VirtualMachine.Inventory.CreateFromExisting"), at("Spec.Location.Pool", assignVM), at("Spec.Location.Datastore", "Datastore.AllocateSpace")),
		"InstantClone_Task":               here("VirtualMachine.Provisioning.Clone"),
		"CustomizeVM_Task":                here("VirtualMachine.Provisioning.Customize"),
		"MarkAsTemplate":                  here("VirtualMachine.Provisioning.MarkAsTemplate"),
		"MarkAsVirtualMachine":            all(here("VirtualMachine.Provisioning.MarkAsVM"), at("Pool", assignVM)),
		"PromoteDisks_Task":               here("VirtualMachine.Provisioning.PromoteDisks"),
		"QueryChangedDiskAreas":           here("VirtualMachine.Provisioning.DiskRandomRead"),
		"RefreshStorageInfo":              here(read),
		"FetchVmGroupForMultiwriterDisks": here(read),
	},
	"VirtualMachineSnapshot": {
		"ExportSnapshot":        here("VApp.Export"),
		"RemoveSnapshot_Task":   here("VirtualMachine.State.RemoveSnapshot"),
		"RevertToSnapshot_Task": here("VirtualMachine.State.RevertToSnapshot"),
		"RenameSnapshot":        here("VirtualMachine.State.RenameSnapshot"),
	},
	"HttpNfcLease": { // whoever sees a lease may use it
		"HttpNfcLeaseAbort": free, "HttpNfcLeaseComplete": free, "HttpNfcLeaseProgress": free,
		"HttpNfcLeaseGetManifest": free, "HttpNfcLeaseSetManifestChecksumType": free,
	},
	"Folder": {
		"CreateFolder":              here("Folder.Create"),
		"CreateStoragePod":          here("Folder.Create"),
		"CreateDatacenter":          here("Datacenter.Create"),
		"CreateCluster":             here("Host.Inventory.CreateCluster"),
		"CreateClusterEx":           here("Host.Inventory.CreateCluster"),
		"AddStandaloneHost_Task":    here("Host.Inventory.AddStandaloneHost"),
		"CreateDVS_Task":            here("DVSwitch.Create"),
		"CreateVM_Task":             all(here("VirtualMachine.Inventory.Create"), at("Pool", assignVM), newVM),
		"RegisterVM_Task":           all(here("VirtualMachine.Inventory.Register"), at("Pool", assignVM), onDatastore(browse, "Path")),
		"MoveIntoFolder_Task":       moved("List", intoFolder),
		"UnregisterAndDestroy_Task": here("Folder.Delete"),
		"PlaceVmsXCluster":          here(view),
	},
	"Datacenter": {
		"PowerOnMultiVM_Task":        at("Vm", "VirtualMachine.Interact.PowerOn"),
		"ReconfigureDatacenter_Task": here("Datacenter.Reconfigure"),
	},
	"ComputeResource": {
		"ReconfigureComputeResource_Task": here("Host.Inventory.EditCluster"),
		"ReconfigureCluster_Task":         here("Host.Inventory.EditCluster"),
		"AddHost_Task":                    all(here("Host.Inventory.AddHostToCluster"), at("ResourcePool", assignVM)),
		"MoveInto_Task":                   all(here("Host.Inventory.EditCluster"), at("Host", "Host.Inventory.MoveHost")),
		"MoveHostInto_Task":               all(here("Host.Inventory.EditCluster"), at("Host", "Host.Inventory.MoveHost")),
		"PlaceVm":                         here(view),
		"GetResourceUsage":                here(read),
	},
	"HostSystem": {
		"DisconnectHost_Task":           here("Host.Config.Connection"),
		"ReconnectHost_Task":            here("Host.Config.Connection"),
		"EnterMaintenanceMode_Task":     here("Host.Config.Maintenance"),
		"ExitMaintenanceMode_Task":      here("Host.Config.Maintenance"),
		"RebootHost_Task":               here("Host.Config.Maintenance"),
		"ShutdownHost_Task":             here("Host.Config.Maintenance"),
		"QueryTpmAttestationReport":     here(read),
		"RetrieveManagedMethodExecuter": here("Host.Config.Settings"),
		"RetrieveDynamicTypeManager":    here("Host.Config.Settings"),
	},
	"HostCertificateManager": {
		"GenerateCertificateSigningRequest": here("Certificate.Manage"),
		"InstallServerCertificate":          here("Certificate.Manage"),
	},
	"HostDatastoreSystem":    {"CreateLocalDatastore": here(hostStore), "CreateNasDatastore": here(hostStore)},
	"HostFirewallSystem":     {"DisableRuleset": here("Host.Config.NetService"), "EnableRuleset": here("Host.Config.NetService")},
	"HostNetworkSystem":      {"AddPortGroup": here(hostNet), "AddVirtualSwitch": here(hostNet), "RemovePortGroup": here(hostNet), "RemoveVirtualSwitch": here(hostNet), "UpdateNetworkConfig": here(hostNet), "QueryNetworkHint": here(hostNet)},
	"HostStorageSystem":      {"RefreshStorageSystem": here(hostStore), "RescanAllHba": here(hostStore), "RescanVmfs": here(hostStore)},
	"HostVirtualNicManager":  {"QueryNetConfig": here(read)},
	"HostDatastoreBrowser":   {"SearchDatastore_Task": onDatastore(browse, "DatastorePath"), "SearchDatastoreSubFolders_Task": onDatastore(browse, "DatastorePath"), "DeleteFile": onDatastore("Datastore.DeleteFile", "DatastorePath")},
	"EnvironmentBrowser":     {"QueryConfigOption": here(view), "QueryConfigOptionDescriptor": here(view), "QueryConfigOptionEx": here(view), "QueryConfigTarget": here(view), "QueryTargetCapabilities": here(view)},
	"StorageResourceManager": {"ConfigureStorageDrsForPod_Task": at("Pod", "StoragePod.Config"), "RecommendDatastores": here(view)},
	"ResourcePool": {
		"CreateResourcePool":               here("Resource.CreatePool"),
		"CreateVApp":                       all(here("VApp.Create"), at("VmFolder", "VApp.Create")),
		"CreateChildVM_Task":               all(here("VirtualMachine.Inventory.Create"), here(assignVM)),
		"RegisterChildVM_Task":             all(here("VirtualMachine.Inventory.Register"), here(assignVM)),
		"ImportVApp":                       imported,
		"MoveIntoResourcePool":             moved("List", intoPool),
		"UpdateConfig":                     here("Resource.EditPool"),
		"UpdateChildResourceConfiguration": here("Resource.EditPool"),
		"DestroyChildren":                  here("Resource.DeletePool"),
		"RefreshRuntime":                   here(view),
	},
	"VirtualApp": {
		"CloneVApp_Task":    here("VApp.Clone"),
		"ExportVApp":        here("VApp.Export"),
		"PowerOnVApp_Task":  here("VApp.PowerOn"),
		"PowerOffVApp_Task": here("VApp.PowerOff"),
		"SuspendVApp_Task":  here("VApp.Suspend"),
		"UpdateVAppConfig":  here("VApp.ApplicationConfig"),
	},
	"Datastore": {
		"RefreshDatastore":            here(read),
		"RefreshDatastoreStorageInfo": here(read),
		"DestroyDatastore":            here("Datastore.Delete"),
		"RenameDatastore":             here("Datastore.Rename"),
	},
	"Network": {"DestroyNetwork": here("Network.Delete")},

	// Managers: here() is the root folder.
	"ServiceInstance": {"CurrentTime": free, "RetrieveServiceContent": free, "RetrieveInternalContent": free, "ValidateMigration": here(view)},
	"SessionManager": {
		"Login": free, "LoginByToken": free, "LoginExtensionByCertificate": free, "Logout": free, "CloneSession": free, "AcquireCloneTicket": here(view), "AcquireGenericServiceTicket": free,
		"SetLocale": free, "SessionIsActive": here("Sessions.ValidateSession"),
		"ImpersonateUser":      here("Sessions.ImpersonateUser"),
		"TerminateSession":     here("Sessions.TerminateSession"),
		"UpdateServiceMessage": here("Sessions.GlobalMessage"),
	},
	"AuthorizationManager": {
		"AddAuthorizationRole":      here("Authorization.ModifyRoles"),
		"UpdateAuthorizationRole":   here("Authorization.ModifyRoles"),
		"RemoveAuthorizationRole":   here("Authorization.ModifyRoles"),
		"MergePermissions":          here("Authorization.ReassignRolePermissions"),
		"SetEntityPermissions":      at("Entity", "Authorization.ModifyPermissions"),
		"ResetEntityPermissions":    at("Entity", "Authorization.ModifyPermissions"),
		"RemoveEntityPermission":    at("Entity", "Authorization.ModifyPermissions"),
		"RetrieveEntityPermissions": at("Entity", read), "RetrieveAllPermissions": here(view), "RetrieveRolePermissions": here(view),
		"HasPrivilegeOnEntity": free, "HasPrivilegeOnEntities": free,
		"HasUserPrivilegeOnEntities": here(view), "FetchUserPrivilegeOnEntities": here(view),
	},
	"UserDirectory": {"RetrieveUserGroups": here(view)},
	"ExtensionManager": {
		"RegisterExtension":       here("Extension.Register"),
		"UpdateExtension":         here("Extension.Update"),
		"SetExtensionCertificate": here("Extension.Update"),
		"SetPublicKey":            here("Extension.Update"),
		"UnregisterExtension":     here("Extension.Unregister"),
		"FindExtension":           here(view), "QueryManagedBy": here(view),
	},
	"TaskManager": {"CreateTask": at("Obj", "Task.Create"), "CreateCollectorForTasks": here(view), "CreateCollectorWithInfoFilterForTasks": here(view)},
	"Task": {
		"CancelTask":         unlessMine(here("Global.CancelTask")),
		"SetTaskState":       here("Task.Update"),
		"SetTaskDescription": here("Task.Update"),
		"UpdateProgress":     here("Task.Update"),
	},
	"EventManager": {
		"PostEvent":                onEvent("Global.LogEvent"),
		"LogUserEvent":             at("Entity", "Global.LogEvent"),
		"QueryEvents":              here(view),
		"CreateCollectorForEvents": here(view), "RetrieveArgumentDescription": here(view),
	},
	"CustomFieldsManager": {
		"SetField":             at("Entity", "Global.SetCustomField"),
		"AddCustomFieldDef":    here("Global.ManageCustomFields"),
		"RenameCustomFieldDef": here("Global.ManageCustomFields"),
		"RemoveCustomFieldDef": here("Global.ManageCustomFields"),
	},
	"AlarmManager": {
		"CreateAlarm": at("Entity", "Alarm.Create"), "GetAlarm": here(view), "GetAlarmState": at("Entity", read),
		"AcknowledgeAlarm": at("Entity", "Alarm.Acknowledge"), "ClearTriggeredAlarms": here("Alarm.SetStatus"),
	},
	"Alarm": {"ReconfigureAlarm": here("Alarm.Edit"), "RemoveAlarm": here("Alarm.Delete")},
	"PerformanceManager": {
		"QueryPerf": at("QuerySpec.Entity", read), "QueryAvailablePerfMetric": at("Entity", read), "QueryPerfProviderSummary": at("Entity", read),
		"QueryPerfCounter": here(view),
	},
	"SearchIndex": {
		"FindByUuid": here(view), "FindAllByUuid": here(view), "FindByDnsName": here(view), "FindAllByDnsName": here(view), "FindByIp": here(view),
		"FindAllByIp": here(view), "FindByInventoryPath": here(view), "FindByDatastorePath": here(view), "FindChild": here(view),
	},
	"ViewManager": {"CreateContainerView": here(view), "CreateListView": here(view), "CreateInventoryView": here(view), "CreateListViewFromView": here(view)},
	"PropertyCollector": {
		"CancelWaitForUpdates": free, "ContinueRetrievePropertiesEx": free, "CreateFilter": free, "CreatePropertyCollector": free,
		"DestroyPropertyCollector": free, "Fetch": free, "RetrieveProperties": free, "RetrievePropertiesEx": free,
		"WaitForUpdates": free, "WaitForUpdatesEx": free, "CheckForUpdates": free,
	},
	"OvfManager": {
		"CreateDescriptor": at("Obj", "VApp.Export"), "ParseDescriptor": here(view), "ValidateHost": here(view),
		"CreateImportSpec": all(at("ResourcePool", "VApp.Import"), at("Datastore", "Datastore.AllocateSpace")),
	},
	"FileManager": {
		"CopyDatastoreFile_Task":   all(onDatastore(browse, "SourceName"), onDatastore(files, "DestinationName")),
		"MoveDatastoreFile_Task":   onDatastore(files, "SourceName", "DestinationName"),
		"DeleteDatastoreFile_Task": onDatastore(files, "Name"),
		"MakeDirectory":            onDatastore(files, "Name"),
		"QueryFileLockInfo":        onDatastore(browse, "Path"),
	},
	"DatastoreNamespaceManager": {"CreateDirectory": at("Datastore", "Datastore.Config"), "DeleteDirectory": here("Datastore.Config"), "ConvertNamespacePathToUuidPath": here("Datastore.Config")},
	"VirtualDiskManager": {
		"CopyVirtualDisk_Task":   all(onDatastore(browse, "SourceName"), onDatastore(files, "DestName")),
		"MoveVirtualDisk_Task":   onDatastore(files, "SourceName", "DestName"),
		"CreateVirtualDisk_Task": onDatastore(files, "Name"), "DeleteVirtualDisk_Task": onDatastore(files, "Name"),
		"ExtendVirtualDisk_Task": onDatastore(files, "Name"), "InflateVirtualDisk_Task": onDatastore(files, "Name"),
		"SetVirtualDiskUuid": onDatastore(files, "Name"), "QueryVirtualDiskUuid": onDatastore(browse, "Name"),
		"QueryVirtualDiskInfo_Task": onDatastore(browse, "Name"),
	},
	"VcenterVStorageObjectManager": {
		"CreateDisk_Task": at("Spec.BackingSpec.Datastore", files), "DeleteVStorageObject_Task": at("Datastore", files), "ExtendDisk_Task": at("Datastore", files),
		"DeleteSnapshot_Task": at("Datastore", files), "VStorageObjectCreateSnapshot_Task": at("Datastore", files), "ReconcileDatastoreInventory_Task": at("Datastore", files),
		"VCenterUpdateVStorageObjectMetadataEx_Task": at("Datastore", files), "ListVStorageObject": at("Datastore", browse), "RetrieveVStorageObject": at("Datastore", browse),
		"RetrieveSnapshotInfo": at("Datastore", browse), "RegisterDisk": here(files), "AttachTagToVStorageObject": here("InventoryService.Tagging.AttachTag"),
		"ListTagsAttachedToVStorageObject": here(files), "ListVStorageObjectsAttachedToTag": here(files),
		"DetachTagFromVStorageObject": here("InventoryService.Tagging.AttachTag"),
	},
	"GuestFileManager": {
		"ChangeFileAttributesInGuest": at("Vm", inGuest), "CreateTemporaryDirectoryInGuest": at("Vm", inGuest), "CreateTemporaryFileInGuest": at("Vm", inGuest),
		"DeleteDirectoryInGuest": at("Vm", inGuest), "DeleteFileInGuest": at("Vm", inGuest), "InitiateFileTransferFromGuest": at("Vm", askGuest),
		"InitiateFileTransferToGuest": at("Vm", inGuest), "ListFilesInGuest": at("Vm", askGuest), "MakeDirectoryInGuest": at("Vm", inGuest),
		"MoveDirectoryInGuest": at("Vm", inGuest), "MoveFileInGuest": at("Vm", inGuest),
	},
	"GuestProcessManager":      {"ListProcessesInGuest": at("Vm", askGuest), "StartProgramInGuest": at("Vm", runInGuest), "TerminateProcessInGuest": at("Vm", runInGuest)},
	"CustomizationSpecManager": {"CreateCustomizationSpec": here("VirtualMachine.Provisioning.ModifyCustSpecs"), "OverwriteCustomizationSpec": here("VirtualMachine.Provisioning.ModifyCustSpecs"), "DoesCustomizationSpecExist": here("VirtualMachine.Provisioning.ReadCustSpecs"), "GetCustomizationSpec": here("VirtualMachine.Provisioning.ReadCustSpecs")},
	"IpPoolManager": {
		"CreateIpPool": at("Dc", "Datacenter.IpPoolConfig"), "UpdateIpPool": at("Dc", "Datacenter.IpPoolConfig"), "DestroyIpPool": at("Dc", "Datacenter.IpPoolConfig"),
		"AllocateIpv4Address": at("Dc", "Datacenter.IpPoolConfig"), "AllocateIpv6Address": at("Dc", "Datacenter.IpPoolConfig"),
		"ReleaseIpAllocation": at("Dc", "Datacenter.IpPoolReleaseIp"), "QueryIPAllocations": at("Dc", "Datacenter.IpPoolQueryAllocations"), "QueryIpPools": at("Dc", read),
	},
	"OptionManager":                   {"QueryOptions": here(view), "UpdateOptions": here("Global.Settings")},
	"LicenseManager":                  {"AddLicense": here("Global.Licenses"), "DecodeLicense": here("Global.Licenses"), "RemoveLicense": here("Global.Licenses"), "UpdateLicense": here("Global.Licenses"), "UpdateLicenseLabel": here("Global.Licenses")},
	"LicenseAssignmentManager":        {"QueryAssignedLicenses": here("Global.Licenses"), "UpdateAssignedLicense": here("Global.Licenses")},
	"DistributedVirtualSwitchManager": {"DVSManagerLookupDvPortGroup": here(view)},
	"CryptoManagerKmip": {
		"GenerateKey": here("Cryptographer.ManageKeys"), "ListKeys": here("Cryptographer.ManageKeys"), "QueryCryptoKeyStatus": here("Cryptographer.ManageKeys"),
		"ListKmipServers": here(keys), "MarkDefault": here(keys), "RegisterKmipServer": here(keys), "RegisterKmsCluster": here(keys), "RemoveKmipServer": here(keys),
		"RetrieveKmipServersStatus_Task": here(keys), "SetDefaultKmsCluster": here(keys), "UnregisterKmsCluster": here(keys), "UpdateKmipServer": here(keys), "GetDefaultKmsCluster": here(keys),
	},
	"TenantTenantManager":                {"MarkServiceProviderEntities": at("Entity", "TenantManager.Update"), "UnmarkServiceProviderEntities": at("Entity", "TenantManager.Update"), "RetrieveServiceProviderEntities": here("TenantManager.Query")},
	"VirtualMachineCompatibilityChecker": {"CheckCompatibility_Task": here(view), "CheckVmConfig_Task": here(view)},
	"VirtualMachineProvisioningChecker":  {"CheckRelocate_Task": all(at("Vm", read), at("Spec.Pool", assignVM))},
}

// viewable are the properties that System.View is enough for, by the type that
// defines them; "" is every inventory object.
var viewable = map[string][]string{
	"":                {"name", "parent", "customValue", "availableField", "declaredAlarmState", "effectiveRole", "tag", "triggeredAlarmState"},
	"Folder":          {"childEntity", "childType", "namespace"},
	"Datacenter":      {"configuration", "datastoreFolder", "hostFolder", "networkFolder", "vmFolder"},
	"ComputeResource": {"configManagerEnabled", "datastore", "environmentBrowser", "host", "lifecycleManaged", "network", "resourcePool"},
	"ResourcePool":    {"namespace", "owner", "resourcePool", "vm"},
	"VirtualApp":      {"datastore", "network", "parentFolder"},
	"HostSystem":      {"datastore", "datastoreBrowser", "network"},
	"VirtualMachine":  {"datastore", "network"},
	"StoragePod":      {"summary"},
}

// privileged are the properties of managers that need a privilege on the root
// folder.
var privileged = map[string]map[string]string{
	"SessionManager": {"sessionList": "Sessions.TerminateSession"},
	"OptionManager":  {"setting": read, "supportedOption": read},
	"LicenseManager": {"licenses": "Global.Licenses", "evaluation": read},
}
