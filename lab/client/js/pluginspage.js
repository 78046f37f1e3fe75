// Administration › Client Plug-Ins, the home page, and the plug-ins' global views.
import { api } from './api.js';
import { h, icon } from './dom.js';
import * as host from './host.js';
import * as plugins from './plugins.js';
import * as router from './router.js';
import { table } from './views.js';

const glyphs = { deployed: 'ok', 'in progress': 'refresh', failed: 'error', incompatible: 'warning' };
const vcenterNames = (plugin) =>
  plugin.vcenters
    .map((guid) => plugins.session.vcenters.find((vcenter) => vcenter.guid === guid)?.name ?? guid)
    .join(', ');

export function showPlugins(container) {
  const rows = plugins.list().map((plugin) =>
    h(
      'tr',
      { 'data-testid': `plugin-${plugin.key}`, 'data-state': plugin.state },
      [
        h('span', { class: 'cell-object' }, icon('plugin'), plugins.nameOf(plugin)),
        plugin.key,
        plugin.version,
        vcenterNames(plugin),
        h(
          'div',
          {},
          h(
            'span',
            { class: `plugin-state plugin-${plugin.state.replace(' ', '-')}` },
            icon(glyphs[plugin.state]),
            plugin.state[0].toUpperCase() + plugin.state.slice(1),
          ),
          plugin.error && h('p', { class: 'plugin-error', 'data-testid': 'plugin-error' }, plugin.error),
        ),
      ].map((value) => h('td', {}, value)),
    ),
  );
  const check = h(
    'button',
    {
      type: 'button',
      class: 'button',
      'data-testid': 'plugins-check',
      onclick: async () => {
        check.disabled = true;
        await plugins.load(api.checkPlugins).finally(() => {
          check.disabled = false;
        });
      },
    },
    'Check for new plug-ins',
  );
  container.replaceChildren(
    h('header', { class: 'object-header' }, icon('plugin'), h('h1', {}, 'Client Plug-Ins')),
    h(
      'div',
      { class: 'view-body' },
      h('div', { class: 'toolbar' }, check),
      table('Client plug-ins', ['Name', 'Key', 'Version', 'vCenter Server', 'State'], rows, 'plugins-table'),
      rows.length === 0 && h('p', { class: 'empty' }, 'No plug-in is registered.'),
    ),
  );
  document.title = 'Client Plug-Ins - vSphere Client (lab)';
}

export function showHome(container) {
  const shortcut = (label, glyph, href, testid) =>
    h('a', { class: 'shortcut', href, 'data-testid': testid }, glyph, h('span', {}, label));
  const root = plugins.session.vcenters.find((vcenter) => vcenter.root)?.root;
  container.replaceChildren(
    h('header', { class: 'object-header' }, icon('home'), h('h1', {}, 'Home')),
    h(
      'div',
      { class: 'view-body' },
      h('h2', {}, 'Inventories'),
      h(
        'div',
        { class: 'shortcuts' },
        shortcut('Hosts and Clusters', icon('cluster'), router.hash('object', root, 'summary')),
      ),
      h('h2', {}, 'Administration'),
      h(
        'div',
        { class: 'shortcuts' },
        shortcut('Client Plug-Ins', icon('plugin'), router.hash('administration', 'plugins')),
        globalViews().map(({ label, glyph, href, key }) => shortcut(label, glyph, href, `shortcut-${key}`)),
      ),
    ),
  );
  document.title = 'Home - vSphere Client (lab)';
}

/** The plug-ins that have a global view, each key once. */
export function globalViews() {
  const keys = new Map(
    plugins
      .deployed()
      .filter((plugin) => plugin.manifest.global)
      .map((plugin) => [plugin.key, plugin]),
  );
  return [...keys.values()].map((plugin) => ({
    key: plugin.key,
    label: plugins.nameOf(plugin),
    href: router.hash('plugin', plugin.key, plugin.manifest.global.view.navigationId),
    glyph: plugins.spriteIcon(plugin, plugin.manifest.configuration.icon?.name) ?? icon('plugin'),
  }));
}

export function showGlobal(container, route) {
  const instances = plugins.deployed().filter((plugin) => plugin.key === route.key && plugin.manifest.global);
  const plugin = instances.find((candidate) => candidate.id === route.instance) ?? instances[0];
  if (!plugin) {
    container.replaceChildren(
      h('div', { class: 'page-message' }, icon('info'), h('p', {}, 'This plug-in is not deployed.')),
    );
    return;
  }
  const { view } = plugin.manifest.global;
  const selector =
    instances.length > 1 &&
    h(
      'label',
      { class: 'instance' },
      'Instance',
      h(
        'select',
        {
          'data-testid': 'instance-selector',
          onchange: (event) => router.go(router.hash('plugin', route.key, view.navigationId, event.target.value)),
        },
        instances.map((instance) =>
          h(
            'option',
            { value: instance.id, selected: instance === plugin },
            `${vcenterNames(instance)} (${instance.version})`,
          ),
        ),
      ),
    );
  container.replaceChildren(
    h(
      'header',
      { class: 'object-header' },
      plugins.spriteIcon(plugin, plugin.manifest.configuration.icon?.name) ?? icon('plugin'),
      h('h1', {}, plugins.nameOf(plugin)),
      selector,
    ),
    h(
      'div',
      { class: 'view view-plugin' },
      host.pluginFrame(plugin, plugins.urlOf(plugin, view.uri), plugins.nameOf(plugin), {
        navigationData: router.dataOf(location.hash),
      }),
    ),
  );
  document.title = `${plugins.nameOf(plugin)} - vSphere Client (lab)`;
}
