// Menus: under a button, at the pointer, and below an entry. Keys as in the ARIA menu pattern.
import { h, icon, spinner } from './dom.js';

let closeOpen = () => {};

/** Closes the menu that is open, if there is one. */
export const close = () => closeOpen();

/**
 * Opens a menu. Entries: {label, icon, run, disabled, checked, testid}, {label, entries} with a list or a promise of one,
 * {separator: true}, {heading}.
 * at is an element to open under, or {x, y}.
 */
export function open(entries, at, { testid, label, onClosed } = {}) {
  closeOpen();
  const before = document.activeElement;
  const root = build(entries, { testid, label });
  // A dialog is above everything but what is in it.
  document.body.append(root);
  place(root, at instanceof Element ? under(at) : at);
  root.querySelector('[role^=menuitem]:not([aria-disabled=true])')?.focus();
  const outside = (event) => {
    if (!root.contains(event.target)) closeOpen();
  };
  document.addEventListener('pointerdown', outside, true);
  window.addEventListener('blur', closeOpenSoon);
  closeOpen = () => {
    closeOpen = () => {};
    document.removeEventListener('pointerdown', outside, true);
    window.removeEventListener('blur', closeOpenSoon);
    const inside = root.contains(document.activeElement);
    root.remove();
    if (inside) before?.focus?.();
    onClosed?.();
  };
}

const closeOpenSoon = () =>
  setTimeout(() => {
    if (document.activeElement?.tagName === 'IFRAME') closeOpen();
  });

function under(element) {
  const box = element.getBoundingClientRect();
  return { x: box.left, y: box.bottom + 2 };
}

/** Puts a menu where it fits into the window. */
function place(menu, { x, y, otherX }) {
  const { width, height } = menu.getBoundingClientRect();
  const left =
    x + width > innerWidth - 4 && otherX !== undefined ? otherX - width : Math.min(x, innerWidth - width - 4);
  menu.style.left = `${Math.max(4, left)}px`;
  menu.style.top = `${Math.max(4, Math.min(y, innerHeight - height - 4))}px`;
}

function build(entries, { testid, label, parent } = {}) {
  const menu = h('div', {
    class: 'menu',
    role: 'menu',
    'aria-label': label,
    'data-testid': testid,
    onkeydown: onKey,
    oncontextmenu: (event) => event.preventDefault(),
  });
  menu.parentItem = parent;
  fill(menu, entries);
  return menu;
}

function fill(menu, entries) {
  if (entries.length === 0) menu.append(h('div', { class: 'menu-note' }, 'No actions'));
  for (const entry of entries) {
    if (entry.separator) menu.append(h('div', { class: 'menu-separator', role: 'separator' }));
    else if (entry.heading) menu.append(h('div', { class: 'menu-heading' }, entry.icon, h('span', {}, entry.heading)));
    else menu.append(item(menu, entry));
  }
}

function item(menu, entry) {
  const waits = entry.entries instanceof Promise;
  const element = h(
    'button',
    {
      type: 'button',
      class: 'menu-item',
      tabindex: '-1',
      role: entry.checked === undefined ? 'menuitem' : 'menuitemradio',
      'aria-checked': entry.checked === undefined ? null : String(entry.checked),
      'aria-disabled': entry.disabled ? 'true' : null,
      'aria-haspopup': entry.entries ? 'menu' : null,
      'aria-expanded': entry.entries ? 'false' : null,
      'data-testid': entry.testid,
      title: entry.title,
    },
    h('span', { class: 'menu-icon' }, entry.checked ? icon('ok') : entry.icon),
    h('span', { class: 'menu-label' }, entry.label),
    h('span', { class: 'menu-more' }, waits ? spinner('Loading') : entry.entries && icon('right')),
  );
  if (waits) entry.entries.then((found) => resolved(element, entry, found));
  element.addEventListener('click', (event) => {
    event.stopPropagation();
    if (entry.disabled) return;
    if (entry.entries) return openBelow(element, entry, true);
    closeOpen();
    entry.run?.();
  });
  element.addEventListener('pointerenter', () => {
    element.focus();
    closeBelow(menu);
    if (entry.entries && !entry.disabled) openBelow(element, entry, false);
  });
  element.openBelow = entry.entries && !entry.disabled ? () => openBelow(element, entry, true) : null;
  return element;
}

/** What was waited for is there: nothing to show takes the entry away. */
function resolved(element, entry, found) {
  entry.entries = found;
  if (!element.isConnected) return;
  const open = element.below;
  element.querySelector('.menu-more').replaceChildren(icon('right'));
  if (open) {
    const focused = open.contains(document.activeElement);
    open.replaceChildren();
    fill(open, found);
    place(open, beside(element));
    if (focused) open.querySelector('[role^=menuitem]')?.focus();
  }
  if (found.length === 0) {
    closeBelow(element.closest('.menu'));
    element.remove();
  }
}

function beside(element) {
  const box = element.getBoundingClientRect();
  return { x: box.right, y: box.top - 5, otherX: box.left };
}

function openBelow(element, entry, takeFocus) {
  const menu = element.closest('.menu');
  if (!element.below) {
    closeBelow(menu);
    const entries =
      entry.entries instanceof Promise
        ? [{ label: 'Loading…', disabled: true, icon: spinner('Loading') }]
        : entry.entries;
    element.below = build(entries, {
      label: entry.label,
      parent: element,
      testid: entry.testid && `${entry.testid}-menu`,
    });
    element.setAttribute('aria-expanded', 'true');
    menu.append(element.below);
    place(element.below, beside(element));
  }
  if (takeFocus) element.below.querySelector('[role^=menuitem]')?.focus();
}

function closeBelow(menu) {
  for (const element of menu.querySelectorAll(':scope > .menu-item[aria-expanded=true]')) {
    element.setAttribute('aria-expanded', 'false');
    element.below?.remove();
    element.below = null;
  }
}

function onKey(event) {
  const menu = event.currentTarget;
  const items = [...menu.querySelectorAll(':scope > .menu-item')];
  const at = items.indexOf(document.activeElement);
  const keys = {
    ArrowDown: () => items[(at + 1) % items.length]?.focus(),
    ArrowUp: () => items.at((at - 1 + items.length) % items.length)?.focus(),
    Home: () => items[0]?.focus(),
    End: () => items.at(-1)?.focus(),
    ArrowRight: () => items[at]?.openBelow?.(),
    ArrowLeft: () => menu.parentItem && backTo(menu.parentItem),
    Escape: () => (menu.parentItem ? backTo(menu.parentItem) : closeOpen()),
    Tab: () => closeOpen(),
  };
  if (!keys[event.key] || at < 0) return;
  event.preventDefault();
  event.stopPropagation();
  keys[event.key]();
}

function backTo(element) {
  closeBelow(element.closest('.menu'));
  element.focus();
}
