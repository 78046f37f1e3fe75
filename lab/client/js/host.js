// The plug-ins' frames, and the answers to what the SDK in them asks for.
import { api } from './api.js';
import { h } from './dom.js';
import * as dialogs from './dialog.js';
import * as plugins from './plugins.js';
import * as prefs from './prefs.js';
import * as router from './router.js';

const mark = 'lab-vsphere-client-sdk';
/** The most frames that can be open at once: a page has a few. */
const maxFrames = 50;
const frames = new Map();
const refreshers = new Set();

/** Calls back when a plug-in wants its dynamic items to be asked for again, as long as what shows them is on the page. */
export function onItemsRefreshOf(element, callback) {
  for (const known of refreshers) if (known.element === element || !known.element.isConnected) refreshers.delete(known);
  refreshers.add({ element, callback });
}

/**
 * Makes a frame for a page of a plug-in. Options: contextObjects, navigationData, customData, sanitizeData, dialog (a
 * function that returns the dialog around it).
 */
export function pluginFrame(plugin, url, title, options = {}) {
  const element = h('iframe', {
    class: 'plugin-frame',
    title,
    src: url,
    sandbox: 'allow-scripts allow-same-origin allow-forms',
    'data-testid': 'plugin-frame',
    'data-plugin': plugin.key,
  });
  for (const known of frames.keys()) if (!known.isConnected) frames.delete(known);
  if (frames.size < maxFrames) frames.set(element, { plugin, element, contextObjects: [], ...options, ready: false });
  return element;
}

const post = (frame, message) => frame.element.contentWindow?.postMessage({ mark, ...message }, location.origin);

function initialState(frame) {
  const endpoint = {
    origin: location.origin,
    pathname: '/api/ui',
    queryParams: [],
    fullUrl: `${location.origin}/api/ui`,
  };
  return {
    contextObjects: frame.contextObjects,
    navigationData: frame.navigationData ?? null,
    customData: frame.customData ?? null,
    sanitizeData: frame.sanitizeData,
    theme: prefs.get('theme'),
    locale: prefs.get('locale'),
    dateOptions: prefs.dateOptions(),
    clientInfo: { type: 'lab', version: plugins.session.version },
    apiEndpoints: { uiApiEndpoint: endpoint },
  };
}

function backendInfo(frame) {
  const servers = (some) =>
    some.flatMap((plugin) =>
      plugin.servers.map(({ proxiedUrl, proxiedBaseUrl, type }) => ({ proxiedUrl, proxiedBaseUrl, type })),
    );
  const same = plugins.deployed().filter((plugin) => plugin.key === frame.plugin.key);
  const at = (guid) => servers(same.filter((plugin) => plugin.vcenters.includes(guid)));
  return {
    allPluginBackendServers: servers(same),
    backendServersPerVc: Object.fromEntries(same.flatMap((plugin) => plugin.vcenters).map((guid) => [guid, at(guid)])),
    backendServersPerVcObject: Object.fromEntries(frame.contextObjects.map(({ id }) => [id, at(plugins.guidOf(id))])),
  };
}

/** The place of a plug-in's view: of an object, or global if no object is given. */
export function placeOf(plugin, viewId, objectId) {
  if (!objectId) {
    const view = plugin.manifest.global?.view;
    return view && (!viewId || view.navigationId === viewId)
      ? router.hash('plugin', plugin.key, view.navigationId, plugin.id)
      : null;
  }
  if (!viewId) return router.hash('object', objectId, 'summary');
  const type = plugins.typeOf(objectId);
  const parts = [
    plugin.manifest.objects?.[type],
    type === 'Folder' ? plugin.manifest.objects?.['Folder:RootFolder'] : null,
  ];
  for (const part of parts) {
    for (const tab of ['monitor', 'configure']) {
      if (part?.[tab]?.views.some((view) => view.navigationId === viewId))
        return router.hash('object', objectId, tab, plugin.key, viewId);
    }
  }
  return null;
}

function navigate(frame, plugin, { targetViewId, objectId, customData } = {}) {
  const place = plugin && placeOf(plugin, targetViewId, objectId);
  if (!place) {
    console.error(`${frame.plugin.key}: there is no view ${targetViewId} to navigate to.`);
    return;
  }
  dialogs.closeAll();
  router.go(place, customData);
}

/** A page that a plug-in may open is its own, behind the proxy. */
function ownUrl(frame, url) {
  const { origin, pathname } = new URL(url);
  if (
    origin === location.origin &&
    frame.plugin.servers.some((server) => pathname.startsWith(`${server.proxiedBaseUrl}/`))
  )
    return url;
  throw new Error(`the URL ${url} is not behind the plug-in's proxied origin`);
}

/** Opens a page of a plug-in in a dialog. */
export function openModal(
  plugin,
  { url, title, accessibilityTitle, size, closable, contextObjects, customData, sanitizeData, onClosed },
) {
  let shown = null;
  const frame = pluginFrame(plugin, url, title || accessibilityTitle || plugins.nameOf(plugin), {
    contextObjects,
    customData,
    sanitizeData,
    dialog: () => shown,
  });
  shown = dialogs.frameDialog({ frame, title, label: accessibilityTitle, size, closable, onClosed });
  return shown;
}

const methods = {
  async getSessionInfo() {
    return api.sessionInfo().catch(() => null);
  },
  async getPluginBackendInfo(frame) {
    const { available } = await api.backendInfo().catch(() => ({ available: false }));
    return available ? backendInfo(frame) : null;
  },
  navigateTo: (frame, options) => navigate(frame, frame.plugin, options),
  navigateToClientView(frame, { targetViewId = '', objectId }) {
    const [, tab = 'summary'] = targetViewId.split('.');
    const views = {
      monitor: ['monitor', 'builtin', 'events'],
      configure: ['configure', 'builtin', 'general'],
      vms: ['vms'],
    };
    dialogs.closeAll();
    router.go(router.hash('object', objectId, ...(views[tab] ?? ['summary'])));
  },
  navigateToRemotePluginView(frame, { pluginId, vcGuid, ...options }) {
    navigate(
      frame,
      plugins.deployed().find((plugin) => plugin.key === pluginId && plugin.vcenters.includes(vcGuid)),
      options,
    );
  },
  getRemotePluginNavigationMap(frame, pluginId) {
    const views = {};
    for (const plugin of plugins.deployed().filter(({ key }) => key === pluginId)) {
      const ids = [
        plugin.manifest.global?.view,
        ...Object.values(plugin.manifest.objects ?? {}).flatMap((part) => [
          ...(part.monitor?.views ?? []),
          ...(part.configure?.views ?? []),
        ]),
      ]
        .filter(Boolean)
        .map((view) => view.navigationId);
      for (const guid of plugin.vcenters) views[guid] = ids;
    }
    return views;
  },
  refreshPluginItemsState: () =>
    [...refreshers].filter(({ element }) => element.isConnected).forEach(({ callback }) => callback()),
  'modal.open'(frame, handle, options) {
    openModal(frame.plugin, {
      ...options,
      url: ownUrl(frame, options.url),
      contextObjects: options.contextObjects ?? [],
      onClosed: (result) => post(frame, { kind: 'closed', handle, result }),
    });
  },
  'modal.close': (frame, result) => frame.dialog?.()?.close(result),
  'modal.setOptions'(frame, { title, accessibilityTitle, height } = {}) {
    const shown = frame.dialog?.();
    if (title !== undefined) shown?.setTitle(title);
    if (accessibilityTitle !== undefined) shown?.setLabel(accessibilityTitle);
    if (height > 0) shown?.setHeight(height);
  },
  'modal.confirm'(frame, handle, options) {
    if (!(options.buttons?.length >= 1 && options.buttons.length <= 4))
      throw new Error('a confirmation has one to four buttons');
    dialogs.confirmDialog({
      ...options,
      onButton: (index) => post(frame, { kind: 'button', handle, index }),
      onClosed: () => post(frame, { kind: 'closed', handle }),
    });
  },
  // No published form of a manifest declares shared modals, so that no plug-in here has any.
  getSharedModalsMap: () => ({}),
  'modal.openShared'(frame, handle, { sharedModalId, pluginId }) {
    post(frame, { kind: 'closed', handle });
    throw new Error(`the plug-in ${pluginId} shares no modal ${sharedModalId}`);
  },
};

window.addEventListener('message', async ({ source, origin, data }) => {
  if (origin !== location.origin || data?.mark !== mark) return;
  const frame = [...frames.values()].find((candidate) => candidate.element.contentWindow === source);
  if (!frame) return;
  if (data.kind === 'hello') {
    frame.ready = true;
    post(frame, { kind: 'init', state: initialState(frame) });
    return;
  }
  try {
    const value = await methods[data.method]?.(frame, ...data.args);
    if (data.id) post(frame, { kind: 'reply', id: data.id, value: value ?? null });
  } catch (error) {
    console.error(`${frame.plugin.key}, ${data.method}: ${error.message}.`);
  }
});

function broadcast(name, value, change) {
  for (const frame of frames.values())
    if (frame.ready && frame.element.isConnected) post(frame, { kind: 'event', name, value, change });
}

export const globalRefresh = () => broadcast('globalRefresh');

prefs.onChange((name, value) => {
  if (name === 'theme') broadcast('themeChanged', { name: value }, { theme: value });
  if (name === 'dateFormat') broadcast('dateTimeFormatChanged', undefined, { dateOptions: prefs.dateOptions() });
});
