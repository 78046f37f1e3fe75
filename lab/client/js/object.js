// An object's page: its name, its tabs, and what is on the tab.
import { api } from './api.js';
import { h, icon, objectIcon, spinner, typeName } from './dom.js';
import * as actions from './actions.js';
import * as host from './host.js';
import * as plugins from './plugins.js';
import * as router from './router.js';
import * as views from './views.js';

const builtin = {
  monitor: [
    { id: 'tasks', label: 'Tasks', show: views.tasks },
    { id: 'events', label: 'Events', show: views.events },
  ],
  configure: [{ id: 'general', label: 'General', show: views.general }],
};
const builtinName = { monitor: 'Tasks and Events', configure: 'Settings' };

/** Draws the page of a route; returns the object as read, or null if it is not there. */
export async function show(container, route, stillWanted) {
  let object;
  try {
    object = await api.object(route.id);
  } catch (error) {
    if (stillWanted())
      container.replaceChildren(
        h(
          'div',
          { class: 'page-message', 'data-testid': 'object-missing' },
          icon('warning'),
          h('p', {}, error.message),
        ),
      );
    return null;
  }
  if (!stillWanted()) return null;
  const node = { ...object.node, root: object.root, vcenter: object.root || undefined };
  const content = h('div', { class: 'object-content', 'data-testid': `tab-content-${route.tab}` });
  container.replaceChildren(header(node), tabs(node, route), content);
  document.title = `${node.name} - ${route.tab} - vSphere Client (lab)`;
  const draw = { summary, monitor: withNavigator, configure: withNavigator, vms: views.vmList }[route.tab] ?? summary;
  await draw(content, { node, object, route });
  return object;
}

function header(node) {
  return h(
    'header',
    { class: 'object-header' },
    objectIcon(node),
    h('h1', { 'data-testid': 'object-name' }, node.name),
    h(
      'button',
      {
        type: 'button',
        class: 'button-link actions-button',
        'aria-haspopup': 'menu',
        'data-testid': 'actions-button',
        onclick: (event) => actions.openActions([node], event.currentTarget),
      },
      'Actions',
      icon('down'),
    ),
  );
}

function tabs(node, route) {
  const names = {
    summary: 'Summary',
    monitor: 'Monitor',
    configure: 'Configure',
    ...(node.type === 'VirtualMachine' ? {} : { vms: 'VMs' }),
  };
  return h(
    'nav',
    { class: 'tabs', 'aria-label': `Views of ${node.name}` },
    Object.entries(names).map(([tab, label]) =>
      h(
        'a',
        {
          class: 'tab',
          href: router.hash('object', node.id, tab),
          'aria-current': tab === route.tab ? 'page' : null,
          'data-testid': `tab-${tab}`,
        },
        label,
      ),
    ),
  );
}

async function summary(container, { node, object, route }) {
  const cards = h('div', { class: 'cards' });
  container.replaceChildren(cards);
  cards.append(
    h(
      'section',
      { class: 'card', 'aria-label': 'Details' },
      h('h2', { class: 'card-title' }, `${node.root ? 'vCenter Server' : typeName(node.type)} Details`),
      views.facts(object.facts),
    ),
  );
  for (const plugin of plugins.forObject(node.id)) {
    const part = plugins.partFor(plugin, node).summary;
    if (!part) continue;
    const place = h('div', {}, part.view.dynamic ? spinner('Loading') : null);
    cards.append(place);
    const shown = await plugins.visible(plugin, part, [part.view], [node.id]);
    if (shown.length === 0) {
      place.remove();
      continue;
    }
    const frame = host.pluginFrame(plugin, plugins.urlOf(plugin, part.view.uri), plugins.nameOf(plugin), {
      contextObjects: [{ id: node.id }],
      navigationData: router.dataOf(location.hash),
    });
    const card = h(
      'section',
      { class: 'card card-plugin', 'aria-label': plugins.nameOf(plugin), 'data-testid': `card-${plugin.key}` },
      h('h2', { class: 'card-title' }, plugins.spriteIcon(plugin, part.view.icon?.name), plugins.nameOf(plugin)),
      frame,
    );
    card.style.gridColumn = `span ${Math.min(part.view.size?.widthSpan ?? 1, 3)}`;
    card.style.minHeight = `${(part.view.size?.heightSpan ?? 1) * 240}px`;
    place.replaceWith(card);
  }
  host.onItemsRefreshOf(container, () => summary(container, { node, object, route }));
}

/** Monitor and Configure: a navigator on the left with the client's own views and the plug-ins'. */
async function withNavigator(container, context) {
  const { node, route } = context;
  const navigator = h('nav', {
    class: 'navigator',
    'aria-label': route.tab === 'monitor' ? 'Monitor' : 'Configure',
    'data-testid': 'navigator',
  });
  const view = h('div', { class: 'view', 'data-testid': 'view' });
  container.replaceChildren(h('div', { class: 'split' }, navigator, view));
  const own = builtin[route.tab];
  const wanted = route.key ? route : { key: 'builtin', view: own[0].id };
  navigator.append(
    category(
      builtinName[route.tab],
      'builtin',
      own.map(({ id, label }) => link(node, route.tab, 'builtin', id, label, wanted)),
    ),
  );
  const drawn = plugins.forObject(node.id).map((plugin) => pluginCategory(navigator, context, plugin, wanted));
  if (wanted.key === 'builtin') {
    const chosen = own.find(({ id }) => id === wanted.view) ?? own[0];
    await chosen.show(view, context);
  } else {
    const shown = (await Promise.all(drawn))
      .flat()
      .find(({ plugin, item }) => plugin.key === wanted.key && item.navigationId === wanted.view);
    if (shown) showView(view, shown.plugin, shown.item, node);
    else
      view.replaceChildren(
        h(
          'div',
          { class: 'page-message', 'data-testid': 'view-missing' },
          icon('info'),
          h('p', {}, 'This view is not available for this object.'),
        ),
      );
  }
  host.onItemsRefreshOf(container, async () => {
    navigator.querySelectorAll('[data-plugin]').forEach((element) => element.remove());
    await Promise.all(plugins.forObject(node.id).map((plugin) => pluginCategory(navigator, context, plugin, wanted)));
  });
}

function showView(view, plugin, item, node) {
  const data = router.dataOf(location.hash);
  view.classList.add('view-plugin');
  view.replaceChildren(
    host.pluginFrame(
      plugin,
      plugins.urlOf(plugin, item.uri),
      `${plugins.nameOf(plugin)}: ${plugins.text(plugin, item.labelKey)}`,
      { contextObjects: [{ id: node.id }], navigationData: data },
    ),
  );
}

/** Draws a plug-in's category, with a spinner as long as it is not known what is in it. */
async function pluginCategory(navigator, { node, route }, plugin, wanted) {
  const part = plugins.partFor(plugin, node)[route.tab];
  if (!part) return [];
  const shown = plugins.visible(plugin, part, part.views, [node.id]);
  const links = (found) =>
    found.map(({ item }) =>
      link(node, route.tab, plugin.key, item.navigationId, plugins.text(plugin, item.labelKey), wanted),
    );
  const waits = shown instanceof Promise;
  const element = category(
    plugins.nameOf(plugin),
    plugin.key,
    waits ? [h('li', {}, spinner(`Loading ${plugins.nameOf(plugin)}`))] : links(shown),
  );
  element.dataset.plugin = plugin.key;
  navigator.append(element);
  const found = await shown;
  if (waits) element.querySelector('ul').replaceChildren(...links(found));
  if (found.length === 0) element.remove();
  return found.map(({ item }) => ({ plugin, item }));
}

function category(label, key, items) {
  const list = h('ul', {}, items);
  const toggle = h(
    'button',
    {
      type: 'button',
      class: 'category-name',
      'aria-expanded': 'true',
      'data-testid': `category-${key}`,
      onclick: () => {
        list.hidden = !list.hidden;
        toggle.setAttribute('aria-expanded', String(!list.hidden));
      },
    },
    icon('right'),
    label,
  );
  return h('section', { class: 'category' }, toggle, list);
}

function link(node, tab, key, view, label, wanted) {
  return h(
    'li',
    {},
    h(
      'a',
      {
        href: router.hash('object', node.id, tab, key, view),
        'data-testid': `nav-${key}-${view}`,
        'aria-current': wanted.key === key && wanted.view === view ? 'page' : null,
      },
      label,
    ),
  );
}
