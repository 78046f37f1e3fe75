// What is around every page: header, trees, recent tasks.
import { api } from './api.js';
import { announce, h, icon, iconButton, objectIcon } from './dom.js';
import * as actions from './actions.js';
import * as dialogs from './dialog.js';
import * as host from './host.js';
import * as menu from './menu.js';
import * as objects from './object.js';
import * as pages from './pluginspage.js';
import * as plugins from './plugins.js';
import * as prefs from './prefs.js';
import * as router from './router.js';
import { makeTree } from './tree.js';
import { taskTable } from './views.js';

const tasksEveryMs = 3000;
const pluginsEveryMs = 10000;

/** Draws the shell and returns what stops it. */
export async function show(app, onLogout) {
  const main = h('main', { class: 'main', id: 'main', tabindex: '-1', 'data-testid': 'main' });
  const treeOptions = { onOpen: openNode, onMenu: actions.openActions };
  const trees = { hosts: makeTree('hosts', treeOptions), vms: makeTree('vms', treeOptions) };
  const banners = h('div', { class: 'banners' });
  const panel = tasksPanel(() => {
    Object.values(trees).forEach((tree) => tree.reload());
    if (router.current().tab === 'summary' && !main.querySelector('.plugin-frame')) showRoute();
  });
  app.replaceChildren(
    h(
      'a',
      {
        class: 'skip',
        href: '#main',
        onclick: (event) => {
          event.preventDefault();
          main.focus();
        },
      },
      'Skip to content',
    ),
    header(refresh, logout),
    banners,
    h('div', { class: 'body' }, sidebar(trees), main),
    panel.element,
  );

  let run = 0;
  async function showRoute() {
    const route = router.current();
    const mine = ++run;
    menu.close();
    if (route.page === 'administration') pages.showPlugins(main);
    else if (route.page === 'plugin') pages.showGlobal(main, route);
    else if (route.page === 'home') pages.showHome(main);
    else {
      const object = await objects.show(main, route, () => mine === run);
      if (object && mine === run) for (const kind of ['hosts', 'vms']) trees[kind].reveal(object.paths[kind]);
    }
  }

  function openNode(node) {
    const route = router.current();
    const tab = route.page === 'object' && !(route.tab === 'vms' && node.leaf) ? route.tab : 'summary';
    // The same view of another object, if it has it.
    const rest = tab === 'monitor' || tab === 'configure' ? [route.key, route.view] : [];
    router.go(router.hash('object', node.id, tab, ...rest));
  }

  function refresh() {
    host.globalRefresh();
    Object.values(trees).forEach((tree) => tree.reload());
    panel.poll();
    // A plug-in's own view is told, the client's own are drawn anew.
    if (!main.querySelector('.plugin-frame')) showRoute();
    announce('Refreshed');
  }

  async function logout() {
    stop();
    await api.logout().catch(() => {}); // over is over, whoever ended it
    onLogout();
  }

  const seen = new Set(plugins.deployed().map((plugin) => plugin.id));
  async function watchPlugins() {
    await plugins.load().catch(() => {}); // what cannot be read now is read at the next turn
    const fresh = plugins.deployed().filter((plugin) => !seen.has(plugin.id));
    fresh.forEach((plugin) => seen.add(plugin.id));
    if (fresh.length > 0)
      banners.replaceChildren(
        dialogs.banner(
          `${fresh.map(plugins.nameOf).join(', ')}: the plug-in has been deployed.`,
          'Refresh browser',
          () => location.reload(),
        ),
      );
  }

  // Icons and texts of manifests depend on these. Frames hear of a theme or a format by an event and must not be loaded again.
  const offPrefs = prefs.onChange((name) => {
    if (name === 'dateFormat' || name === 'locale') panel.poll(true);
    if (name === 'locale' || (name === 'dateFormat' && !main.querySelector('.plugin-frame'))) showRoute();
  });
  const onPlugins = () => {
    if (router.current().page === 'administration') pages.showPlugins(main);
  };
  const offPlugins = plugins.onChange(onPlugins);
  window.addEventListener('hashchange', showRoute);
  const timers = [setInterval(() => panel.poll(), tasksEveryMs), setInterval(watchPlugins, pluginsEveryMs)];
  function stop() {
    window.removeEventListener('hashchange', showRoute);
    offPrefs();
    offPlugins();
    timers.forEach(clearInterval);
    dialogs.closeAll();
    menu.close();
  }
  panel.poll();
  await Promise.all([trees.hosts.start(), trees.vms.start()]);
  await showRoute();
  return { stop };
}

function header(refresh, logout) {
  const menuButton = h(
    'button',
    {
      type: 'button',
      class: 'header-button',
      'aria-haspopup': 'menu',
      'data-testid': 'main-menu',
      onclick: () => menu.open(mainMenu(), menuButton, { testid: 'main-menu-menu', label: 'Menu' }),
    },
    icon('menu'),
    'Menu',
    icon('down'),
  );
  const userButton = h(
    'button',
    {
      type: 'button',
      class: 'header-button',
      'aria-haspopup': 'menu',
      'data-testid': 'user-menu',
      onclick: () => menu.open(userMenu(logout), userButton, { testid: 'user-menu-menu', label: 'User' }),
    },
    icon('user'),
    h('span', { class: 'header-user' }, plugins.session.user),
    icon('down'),
  );
  return h(
    'header',
    { class: 'header' },
    h(
      'a',
      { class: 'brand', href: '#/home' },
      h('img', { src: 'icon.svg', alt: '', width: '26', height: '26' }),
      'vSphere Client',
    ),
    menuButton,
    searchBox(),
    h('span', { class: 'header-space' }),
    iconButton('refresh', 'Refresh', refresh, { 'data-testid': 'refresh' }),
    userButton,
  );
}

function mainMenu() {
  const entry = (label, glyph, place, testid) => ({ label, icon: icon(glyph), testid, run: () => router.go(place) });
  const root = plugins.session.vcenters.find((vcenter) => vcenter.root)?.root;
  const views = pages.globalViews().map(({ label, glyph, href, key }) => ({
    label,
    icon: glyph,
    testid: `menu-global-${key}`,
    run: () => router.go(href),
  }));
  return [
    entry('Home', 'home', '#/home'),
    entry('Inventory', 'cluster', router.hash('object', root, 'summary')),
    { separator: true },
    entry('Client Plug-Ins', 'plugin', '#/administration/plugins', 'menu-plugins'),
    ...(views.length > 0 ? [{ separator: true }, ...views] : []),
  ];
}

function userMenu(logout) {
  const choices = (name, values) =>
    Object.entries(values).map(([value, label]) => ({
      label,
      checked: prefs.get(name) === value,
      testid: `${name}-${value}`,
      run: () => prefs.set(name, value),
    }));
  return [
    { heading: plugins.session.user },
    { label: 'Theme', testid: 'menu-theme', entries: choices('theme', { light: 'Light', dark: 'Dark' }) },
    { label: 'Language', testid: 'menu-locale', entries: choices('locale', prefs.locales) },
    { label: 'Date Format', testid: 'menu-dateFormat', entries: choices('dateFormat', prefs.dateFormats) },
    { separator: true },
    { label: 'Log Out', testid: 'logout', run: logout },
  ];
}

function searchBox() {
  const found = h('div', { class: 'search-found', hidden: true, 'data-testid': 'search-found' });
  const input = h('input', {
    type: 'search',
    placeholder: 'Search',
    'aria-label': 'Search the inventory',
    'data-testid': 'search',
    autocomplete: 'off',
  });
  let timer = 0;
  const hide = () => {
    found.hidden = true;
  };
  const search = async () => {
    const { nodes } = await api.search(input.value);
    found.replaceChildren(
      ...nodes.map((node) =>
        h('a', { href: router.hash('object', node.id, 'summary'), onclick: hide }, objectIcon(node), node.name),
      ),
    );
    if (nodes.length === 0) found.append(h('p', { class: 'empty' }, 'Nothing found'));
    found.hidden = input.value.trim() === '';
  };
  input.addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(search, 250);
  });
  const box = h(
    'div',
    {
      class: 'search',
      role: 'search',
      onfocusout: (event) => {
        if (!box.contains(event.relatedTarget)) hide();
      },
      onkeydown: (event) => {
        if (event.key === 'Escape') hide();
      },
    },
    icon('search'),
    input,
    found,
  );
  return box;
}

function sidebar(trees) {
  const kinds = { hosts: ['cluster', 'Hosts and Clusters'], vms: ['vm', 'VMs and Templates'] };
  const panes = Object.fromEntries(
    Object.entries(trees).map(([kind, tree]) => [
      kind,
      h(
        'div',
        { class: 'tree-pane', role: 'tabpanel', id: `pane-${kind}`, 'aria-label': kinds[kind][1] },
        tree.element,
      ),
    ]),
  );
  const buttons = Object.entries(kinds).map(([kind, [glyph, label]]) =>
    h(
      'button',
      {
        type: 'button',
        role: 'tab',
        class: 'tree-tab',
        'aria-label': label,
        title: label,
        'aria-controls': `pane-${kind}`,
        'data-testid': `tree-tab-${kind}`,
        onclick: () => choose(kind),
        onkeydown: (event) => {
          if (event.key.startsWith('Arrow')) {
            const other = kind === 'hosts' ? 'vms' : 'hosts';
            choose(other);
            buttons[Object.keys(kinds).indexOf(other)].focus();
          }
        },
      },
      icon(glyph),
    ),
  );
  function choose(chosen) {
    Object.keys(kinds).forEach((kind, n) => {
      panes[kind].hidden = kind !== chosen;
      buttons[n].setAttribute('aria-selected', String(kind === chosen));
      buttons[n].tabIndex = kind === chosen ? 0 : -1;
    });
  }
  choose('hosts');
  return h(
    'aside',
    { class: 'sidebar', 'aria-label': 'Inventory' },
    h('div', { class: 'tree-tabs', role: 'tablist', 'aria-label': 'Inventories' }, buttons),
    Object.values(panes),
  );
}

/** The panel of recent tasks; onEnd is called when some task has ended. */
function tasksPanel(onEnd) {
  const body = h('div', { class: 'panel-body', id: 'recent-tasks' });
  const toggle = h(
    'button',
    {
      type: 'button',
      class: 'panel-title',
      'aria-controls': 'recent-tasks',
      'data-testid': 'recent-tasks-toggle',
      onclick: () => {
        prefs.set('panelOpen', !prefs.get('panelOpen'));
        draw();
      },
    },
    icon('right'),
    icon('tasks'),
    'Recent Tasks',
  );
  let shown = '';
  let ended = null;
  const draw = () => {
    body.hidden = !prefs.get('panelOpen');
    toggle.setAttribute('aria-expanded', String(prefs.get('panelOpen')));
  };
  async function poll(anew = false) {
    if (document.hidden) return;
    const { tasks } = await api.tasks().catch(() => ({ tasks: null })); // the next turn shows them
    const text = JSON.stringify(tasks);
    if (!tasks || (text === shown && !anew)) return;
    shown = text;
    body.replaceChildren(taskTable(tasks, 'recent-tasks'));
    const now = tasks.filter((task) => task.endMs).map((task) => task.vcenter + task.key);
    if (ended && now.some((key) => !ended.has(key))) onEnd();
    ended = new Set(now);
  }
  draw();
  return { element: h('section', { class: 'panel', 'aria-label': 'Recent tasks' }, toggle, body), poll };
}
