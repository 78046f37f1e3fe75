// What can be done to objects: the client's own actions and the plug-ins'.
import { api } from './api.js';
import { announce, icon, objectIcon } from './dom.js';
import { errorDialog } from './dialog.js';
import * as host from './host.js';
import * as menu from './menu.js';
import * as plugins from './plugins.js';
import * as router from './router.js';

/** Opens the actions of one or more objects. */
export function openActions(nodes, at) {
  if (nodes.length === 0) return;
  const heading = nodes.length === 1 ? `Actions - ${nodes[0].name}` : `Actions - ${nodes.length} Objects`;
  const own = nodes.every((node) => node.type === 'VirtualMachine') ? powerEntries(nodes) : [];
  menu.open(
    [{ heading, icon: nodes.length === 1 ? objectIcon(nodes[0]) : null }, ...own, ...pluginEntries(nodes)],
    at,
    { testid: 'actions-menu', label: heading },
  );
}

function powerEntries(nodes) {
  const entry = (label, on) => ({
    label,
    testid: on ? 'power-on' : 'power-off',
    disabled: nodes.every((node) => (node.power === 'on') === on),
    run: () =>
      nodes.forEach((node) =>
        api.power(node.id, on).then(
          () => announce(`${label}: ${node.name}`),
          (error) => errorDialog(label, `${node.name}: ${error.message}`),
        ),
      ),
  });
  return [
    {
      label: 'Power',
      icon: icon('vm'),
      entries: [entry('Power On', true), entry('Power Off', false)],
      testid: 'menu-power',
    },
    { separator: true },
  ];
}

/** The plug-ins' submenus: only of objects of one type at one vCenter. */
function pluginEntries(nodes) {
  const [first] = nodes;
  if (nodes.some((node) => node.type !== first.type || plugins.guidOf(node.id) !== plugins.guidOf(first.id))) return [];
  return plugins.forObject(first.id).flatMap((plugin) => {
    const part = plugins.partFor(plugin, first).menu;
    if (!part) return [];
    const ids = nodes.map((node) => node.id);
    const shown = plugins.visible(plugin, part, part.actions, ids, true);
    const draw = (found) => actionEntries(plugin, nodes, found);
    const entries = shown instanceof Promise ? shown.then(draw) : draw(shown);
    return [
      {
        label: plugins.nameOf(plugin),
        testid: `menu-${plugin.key}`,
        entries,
        icon: plugins.spriteIcon(plugin, plugin.manifest.configuration.icon?.name) ?? icon('plugin'),
      },
    ];
  });
}

function actionEntries(plugin, nodes, found) {
  const entries = found.map(({ item, state }) =>
    item.type === 'separator'
      ? { separator: true }
      : {
          label: plugins.text(plugin, item.labelKey),
          icon: plugins.spriteIcon(plugin, item.icon?.name),
          disabled: state === 'disabled' || (nodes.length > 1 && !item.acceptsMultipleTargets),
          testid: `action-${item.id ?? item.labelKey}`,
          run: () => run(plugin, item, nodes),
        },
  );
  // Separators stand between entries only.
  const tidy = entries.filter(
    (entry, n) =>
      !entry.separator || (n > 0 && !entries[n - 1].separator && entries.slice(n).some((later) => !later.separator)),
  );
  return tidy.some((entry) => !entry.separator) ? tidy : [];
}

function run(plugin, { trigger, labelKey }, nodes) {
  const contextObjects = nodes.map((node) => ({ id: node.id }));
  if (trigger.type === 'navigation') {
    const place = host.placeOf(plugin, trigger.targetViewId, nodes[0].id) ?? host.placeOf(plugin, trigger.targetViewId);
    router.go(place);
    return;
  }
  host.openModal(plugin, {
    url: plugins.urlOf(plugin, trigger.uri),
    contextObjects,
    size: trigger.size,
    title: plugins.text(plugin, trigger.titleKey ?? labelKey),
    accessibilityTitle: trigger.accessibilityTitleKey && plugins.text(plugin, trigger.accessibilityTitleKey),
  });
}
