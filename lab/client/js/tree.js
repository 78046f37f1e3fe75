// The inventory trees. Keys and roles as in the ARIA tree view pattern; Ctrl and Shift choose several objects.
import { api } from './api.js';
import { h, icon, objectIcon, spinner } from './dom.js';
import * as plugins from './plugins.js';

/** Makes a tree of one kind, "hosts" or "vms". onOpen shows an object, onMenu(nodes, at) opens a menu for some. */
export function makeTree(kind, { onOpen, onMenu }) {
  const element = h('ul', {
    class: 'tree',
    role: 'tree',
    'aria-label': kind === 'hosts' ? 'Hosts and Clusters' : 'VMs and Templates',
    'aria-multiselectable': 'true',
    'data-testid': `tree-${kind}`,
    onkeydown: onKey,
  });
  const rows = new Map();
  let chosen = new Set();
  let anchor = null;
  let current = null;

  function row(node, level) {
    const twisty = h(
      'span',
      {
        class: 'twisty',
        onclick: (event) => {
          event.stopPropagation();
          toggle(entry);
        },
      },
      node.leaf ? null : icon('right'),
    );
    const line = h(
      'div',
      { class: 'tree-line', 'data-testid': `node-${node.name}` },
      twisty,
      objectIcon(node),
      h('span', { class: 'tree-name', title: node.name }, node.name),
    );
    line.style.paddingInlineStart = `${(level - 1) * 16 + 4}px`;
    const item = h(
      'li',
      {
        role: 'treeitem',
        'aria-level': String(level),
        'aria-expanded': node.leaf ? null : 'false',
        'aria-selected': 'false',
        tabindex: '-1',
        'data-id': node.id,
      },
      line,
    );
    const entry = { node, level, item, line, group: null };
    line.addEventListener('click', (event) => {
      item.focus();
      choose(entry, event);
    });
    line.addEventListener('dblclick', () => toggle(entry));
    line.addEventListener('contextmenu', (event) => {
      event.preventDefault();
      if (!chosen.has(node.id)) select([node.id]);
      onMenu(selected(), { x: event.clientX, y: event.clientY });
    });
    rows.set(node.id, entry);
    return entry;
  }

  const selected = () => [...chosen].map((id) => rows.get(id)?.node).filter(Boolean);
  const visibleRows = () =>
    [...element.querySelectorAll('[role=treeitem]')]
      .filter((item) => !item.closest('[hidden]'))
      .map((item) => rows.get(item.dataset.id));

  function select(ids) {
    chosen = new Set(ids);
    for (const { item, node } of rows.values()) item.setAttribute('aria-selected', String(chosen.has(node.id)));
  }

  function choose(entry, { ctrlKey, metaKey, shiftKey } = {}) {
    const { id } = entry.node;
    if (ctrlKey || metaKey) {
      const next = new Set(chosen);
      if (!next.delete(id)) next.add(id);
      anchor = id;
      return select(next);
    }
    if (shiftKey && anchor) {
      const all = visibleRows().map(({ node }) => node.id);
      const [from, to] = [all.indexOf(anchor), all.indexOf(id)].sort((a, b) => a - b);
      return select(all.slice(Math.max(from, 0), to + 1));
    }
    anchor = id;
    select([id]);
    onOpen(entry.node);
  }

  async function toggle(entry, open = entry.item.getAttribute('aria-expanded') !== 'true') {
    if (entry.node.leaf) return;
    entry.item.setAttribute('aria-expanded', String(open));
    if (entry.group) entry.group.hidden = !open;
    if (open && !entry.group) await fill(entry);
  }

  /** Reads what is below an entry and keeps open what was open. */
  async function fill(entry) {
    const wait = entry.group ? null : spinner('Loading');
    if (wait) entry.line.append(wait);
    try {
      const { nodes, more } = await api.children(entry.node.id, kind);
      // Another reading may have ended in the meantime, of this entry or of one above it.
      if (!entry.item.isConnected) return;
      const old = entry.group;
      const open = new Set([...(old?.querySelectorAll('[aria-expanded=true]') ?? [])].map((item) => item.dataset.id));
      const focused = old?.contains(document.activeElement) ? document.activeElement.dataset.id : null;
      old?.querySelectorAll('[role=treeitem]').forEach((item) => rows.delete(item.dataset.id));
      const below = nodes.map((node) => row(node, entry.level + 1));
      entry.group = h(
        'ul',
        { role: 'group' },
        below.map(({ item }) => item),
        more > 0 && h('li', { class: 'tree-more', role: 'none' }, `and ${more} more; search for them`),
      );
      entry.group.hidden = entry.item.getAttribute('aria-expanded') !== 'true';
      if (old) old.replaceWith(entry.group);
      else entry.item.append(entry.group);
      entry.item.classList.toggle('is-empty', nodes.length === 0);
      await Promise.all(below.filter(({ node }) => open.has(node.id)).map((opened) => toggle(opened, true)));
      select(chosen);
      if (focused) rows.get(focused)?.item.focus();
    } finally {
      wait?.remove();
    }
  }

  /** Draws the vCenters. */
  async function start() {
    rows.clear();
    const roots = plugins.session.vcenters.map((vcenter) =>
      row(
        {
          id: vcenter.root ?? vcenter.guid,
          type: 'Folder',
          name: vcenter.name,
          vcenter: true,
          root: true,
          leaf: Boolean(vcenter.error),
        },
        1,
      ),
    );
    element.replaceChildren(...roots.map(({ item }) => item));
    roots.forEach((entry, n) => {
      const { error } = plugins.session.vcenters[n];
      if (error) entry.line.append(h('span', { class: 'tree-error', title: error }, 'not reachable'));
    });
    roots[0]?.item.setAttribute('tabindex', '0');
    await Promise.all(roots.map((entry) => toggle(entry, true)));
  }

  /** Opens the way to an object and chooses it. */
  async function reveal(path) {
    const id = path.at(-1);
    for (const step of path.slice(0, -1)) {
      const entry = rows.get(step);
      if (entry) await toggle(entry, true);
    }
    const entry = rows.get(id);
    current = id;
    if (!entry) return;
    if (!chosen.has(id)) select([id]);
    anchor ??= id;
    setCurrent(entry);
    entry.line.scrollIntoView({ block: 'nearest' });
  }

  function setCurrent(entry) {
    element.querySelectorAll('[tabindex="0"]').forEach((item) => item.setAttribute('tabindex', '-1'));
    entry.item.setAttribute('tabindex', '0');
  }

  /** Reads everything that is open again. */
  async function reload() {
    await Promise.all([...rows.values()].filter((entry) => entry.level === 1 && entry.group).map(fill));
    const entry = rows.get(current);
    if (entry) setCurrent(entry);
  }

  function onKey(event) {
    const entry = rows.get(document.activeElement?.dataset?.id);
    if (!entry) return;
    const all = visibleRows();
    const at = all.indexOf(entry);
    const focus = (other) => {
      if (other) {
        setCurrent(other);
        other.item.focus();
      }
    };
    const open = entry.item.getAttribute('aria-expanded') === 'true';
    const keys = {
      ArrowDown: () => focus(all[at + 1]),
      ArrowUp: () => focus(all[at - 1]),
      Home: () => focus(all[0]),
      End: () => focus(all.at(-1)),
      ArrowRight: () => (open ? focus(all[at + 1]) : toggle(entry, true)),
      ArrowLeft: () =>
        open ? toggle(entry, false) : focus(rows.get(entry.item.parentElement.closest('[role=treeitem]')?.dataset.id)),
      Enter: () => choose(entry),
      ' ': () => choose(entry, { ctrlKey: event.ctrlKey, shiftKey: event.shiftKey }),
      ContextMenu: () => menuByKey(entry),
      F10: () => event.shiftKey && menuByKey(entry),
    };
    if (!keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  }

  function menuByKey(entry) {
    if (!chosen.has(entry.node.id)) select([entry.node.id]);
    const box = entry.line.getBoundingClientRect();
    onMenu(selected(), { x: box.left + 40, y: box.bottom });
  }

  return { element, start, reveal, reload, selected };
}
