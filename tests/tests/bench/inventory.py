"""Reads all VMs with pyVmomi, then waits for one change, and tells what that took:

    inventory.py URL USER PASSWORD PROPERTY...

Prints a line of JSON when everything is known, and one when something has changed. Certificates are not checked.
"""

import json
import ssl
import sys
import time
from urllib.parse import urlsplit

from pyVim.connect import SmartConnect
from pyVmomi import vim, vmodl

MAX_OBJECTS = 2000


def memory_mb():
    with open("/proc/self/status", encoding="ascii") as status:
        line = next(line for line in status if line.startswith("RssAnon:"))
    return int(line.split()[1]) * 1024 / 1e6


def tell(what):
    print(json.dumps(what), flush=True)


def main():
    url, user, password, *properties = sys.argv[1:]
    address = urlsplit(url)
    before = memory_mb()
    begun = time.monotonic()
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    instance = SmartConnect(host=address.hostname, port=address.port, user=user, pwd=password, sslContext=context)
    content = instance.RetrieveContent()
    view = content.viewManager.CreateContainerView(content.rootFolder, [vim.VirtualMachine], True)
    collector = content.propertyCollector.CreatePropertyCollector()
    types = vmodl.query.PropertyCollector
    traversal = types.TraversalSpec(type=vim.view.ContainerView, path="view", skip=False, name="traverse")
    spec = types.FilterSpec(
        propSet=[types.PropertySpec(type=vim.VirtualMachine, pathSet=properties)],
        objectSet=[types.ObjectSpec(obj=view, skip=True, selectSet=[traversal])],
    )
    collector.CreateFilter(spec, partialUpdates=False)
    vms, version = {}, ""

    def follow():
        nonlocal version
        while True:
            options = types.WaitOptions(maxWaitSeconds=60, maxObjectUpdates=MAX_OBJECTS)
            update = collector.WaitForUpdatesEx(version, options)
            if update is None:
                continue
            version = update.version
            for found in update.filterSet:
                for changed in found.objectSet:
                    of = vms.setdefault(changed.obj._moId, {})
                    for change in changed.changeSet:
                        of[change.name] = change.val if change.op == "assign" else None
            if not update.truncated:
                return

    follow()
    seconds = time.monotonic() - begun
    waiting = time.monotonic()
    cpu = time.process_time()
    tell({"vms": len(vms), "seconds": seconds, "cpu_seconds": cpu, "memory_mb": memory_mb() - before})
    follow()
    tell({"seconds": time.monotonic() - waiting, "at": time.time()})


main()
