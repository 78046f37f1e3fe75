// Making elements, and the few icons that the client draws itself.

/** Makes an element. `on…` attributes are listeners; null, false and undefined are left out. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(
    ...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false),
  );
  return element;
}

const paths = {
  vcenter: 'M3 9h8v8H3zM9 3h8v8h-4M9 7V3',
  datacenter: 'M4 17V5l7-2v14M11 7h5v10M3 17h14M6.5 7h2M6.5 10h2M6.5 13h2',
  folder: 'M2.5 5h5l2 2h8v9h-15z',
  cluster: 'M3 4h5v13H3zM8 7h5v10M13 4h4v13h-4M4.5 7h2M9.5 10h2M14.5 7h1',
  host: 'M5 3h10v14H5zM7.5 6.5h5M7.5 9h5M12 14h.6',
  pool: 'M10 3a7 7 0 1 0 .1 0M10 3v7l5.5 4',
  vapp: 'M3 3h6v6H3zM11 3h6v6h-6zM7 11h6v6H7z',
  vm: 'M3 7h10v10H3zM7 7V3h10v10h-4',
  template: 'M3 3h14v14H3zM3 7h14M7 7v10',
  home: 'M3 10l7-6 7 6M5 9v8h10V9',
  plugin: 'M8 4a2 2 0 0 1 4 0v2h4v4h-2a2 2 0 0 0 0 4h2v3H4v-4h2a2 2 0 0 0 0-4H4V6h4z',
  search: 'M9 4a5 5 0 1 0 .1 0M12.8 12.8L17 17',
  refresh: 'M16 8a6.3 6.3 0 1 0 .3 4M16.5 3.5V8H12',
  user: 'M10 4a3 3 0 1 0 .1 0M4 17c0-4 3-6 6-6s6 2 6 6',
  menu: 'M3 6h14M3 10h14M3 14h14',
  down: 'M5 8l5 5 5-5',
  right: 'M8 5l5 5-5 5',
  close: 'M5 5l10 10M15 5L5 15',
  tasks: 'M4 4h12v13H4zM7 8l1 1 2-2M7 13l1 1 2-2M12 9h2M12 14h2',
  events: 'M4 3h12v14H4zM7 7h6M7 10h6M7 13h4',
  ok: 'M4 10l4 4 8-9',
  error: 'M10 3a7 7 0 1 0 .1 0M10 6v5M10 13.5v.5',
  warning: 'M10 3l8 14H2zM10 8v4M10 14v.6',
  info: 'M10 3a7 7 0 1 0 .1 0M10 9v5M10 6v.6',
};

/** Draws an icon; it says nothing to a screen reader, so that the text beside it has to. */
export function icon(name, extra = '') {
  const ns = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(ns, 'svg');
  for (const [key, value] of Object.entries({
    viewBox: '0 0 20 20',
    class: `icon icon-${name} ${extra}`,
    'aria-hidden': 'true',
    focusable: 'false',
  })) {
    svg.setAttribute(key, value);
  }
  const path = document.createElementNS(ns, 'path');
  path.setAttribute('d', paths[name]);
  svg.append(path);
  return svg;
}

const types = {
  Datacenter: 'datacenter',
  Folder: 'folder',
  ClusterComputeResource: 'cluster',
  ComputeResource: 'host',
  HostSystem: 'host',
  ResourcePool: 'pool',
  VirtualApp: 'vapp',
  VirtualMachine: 'vm',
};

const typeNames = {
  Datacenter: 'Datacenter',
  Folder: 'Folder',
  ClusterComputeResource: 'Cluster',
  ComputeResource: 'Host',
  HostSystem: 'Host',
  ResourcePool: 'Resource Pool',
  VirtualApp: 'vApp',
  VirtualMachine: 'Virtual Machine',
};

export const typeName = (type) => typeNames[type] ?? type;

/** Draws the icon of an inventory object; of a VM it shows whether it is on. */
export function objectIcon(node) {
  if (node.vcenter) return icon('vcenter');
  if (node.template) return icon('template');
  return icon(types[node.type] ?? 'folder', node.power === 'on' ? 'is-on' : '');
}

export const spinner = (label) => h('span', { class: 'spinner', role: 'img', 'aria-label': label });

/** Tells a screen reader what happened elsewhere on the page. */
export function announce(text) {
  document.getElementById('live').textContent = text;
}

/** A button without a frame that shows an icon. */
export function iconButton(name, label, onclick, attributes = {}) {
  return h(
    'button',
    { type: 'button', class: 'icon-button', 'aria-label': label, title: label, onclick, ...attributes },
    icon(name),
  );
}
