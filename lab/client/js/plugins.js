// The deployed plug-ins and what their manifests say.
import { api } from './api.js';
import { h } from './dom.js';
import * as prefs from './prefs.js';

let all = [];
const listeners = new Set();
export const session = { user: '', version: '', vcenters: [], dynamicTimeoutMs: 10000 };

/** Reads the plug-ins anew. */
export async function load(fetch = api.plugins) {
  ({ plugins: all } = await fetch());
  listeners.forEach((listener) => listener());
  return all;
}

export const list = () => all;
export const deployed = () => all.filter((plugin) => plugin.state === 'deployed');
/** Calls back after every load; returns what ends that. */
export function onChange(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const guidOf = (urn) => urn.split(':')[4] ?? '';
export const typeOf = (urn) => urn.split(':')[2] ?? '';

/** The plug-ins that are registered with an object's vCenter. */
export const forObject = (urn) => deployed().filter((plugin) => plugin.vcenters.includes(guidOf(urn)));

/** Which part of a manifest is for an object; the root folder has a key of its own. */
export function partFor(plugin, node) {
  const objects = plugin.manifest.objects ?? {};
  return (node.root && objects['Folder:RootFolder']) || objects[node.type] || {};
}

/** A text of the manifest in the client's language, else in English, else in any. */
export function text(plugin, key) {
  const i18n = plugin.manifest?.definitions.i18n;
  const texts = i18n?.definitions[key];
  if (!texts) return key ?? '';
  const locale = prefs.get('locale');
  const found = texts[locale] ?? texts['en-US'] ?? texts[i18n.locales[0]];
  return locale === 'xx-XX' ? `⟦${found}⟧` : found;
}

export const nameOf = (plugin) =>
  plugin.manifest ? text(plugin, plugin.manifest.configuration.nameKey) : plugin.label || plugin.key;

/** The URL of something that a manifest names, seen through the proxy. */
export const urlOf = (plugin, uri) => new URL(uri, new URL(plugin.servers[0].proxiedUrl, location.origin)).href;

/** A tile of the plug-in's sprite, half its size of 32 by 32 pixels. */
export function spriteIcon(plugin, name) {
  const sheet = plugin.manifest?.definitions.iconSpriteSheet;
  if (!sheet || !name) return null;
  const dark = prefs.get('theme') === 'dark' ? sheet.themeOverrides?.dark : null;
  const from = dark?.definitions[name] ? dark : sheet;
  const tile = from.definitions[name];
  const image = h('span', { class: 'sprite-tile' });
  image.style.backgroundImage = `url("${urlOf(plugin, from.uri)}")`;
  image.style.backgroundPosition = `-${tile.x}px -${tile.y}px`;
  return h('span', { class: 'sprite', 'aria-hidden': 'true' }, image);
}

/** Where a dynamic query goes: beside the manifest, or to an auxiliary server. */
function dynamicUrl(plugin, uri) {
  if (typeof uri === 'string') return urlOf(plugin, uri);
  const server = plugin.servers.find((candidate) => candidate.type === uri.serverType);
  if (!server) throw new Error(`the registration has no server of the type ${uri.serverType}`);
  return new URL(uri.path, new URL(server.proxiedUrl, location.origin)).href;
}

/**
 * Asks a plug-in which of its dynamic items to show. Items it does not answer for, and all items if it does not answer in
 * time or not well, are hidden: what may not apply is not offered.
 */
async function ask(plugin, uri, objectIds) {
  const headers = {
    Accept: 'application/json',
    'Content-Type': 'application/json',
    'Cache-Control': 'no-cache',
    'vmware-api-gateway-url': `${location.origin}/api/ui`,
    'vsphere-ui-node-id': session.nodeId,
  };
  try {
    const info = await api.sessionInfo();
    if (info) headers['vmware-api-session-id'] = info.sessionToken;
    const response = await fetch(dynamicUrl(plugin, uri), {
      method: 'POST',
      headers,
      signal: AbortSignal.timeout(session.dynamicTimeoutMs),
      body: JSON.stringify({ apiVersion: '1.0.0', objectIds, locale: prefs.get('locale') }),
    });
    if (!response.ok) throw new Error(`it answers with status ${response.status}`);
    const answer = await response.json();
    if (!Array.isArray(answer.dynamicItems)) throw new Error('its answer has no dynamicItems');
    return new Map(answer.dynamicItems.map((item) => [item.id, item]));
  } catch (error) {
    console.warn(`The dynamic query of ${plugin.key} failed, so that its items are hidden: ${error.message}`);
    return new Map();
  }
}

function isAtLeast(version, wanted) {
  const have = version.split('.').map(Number);
  return wanted.reduce((known, part, n) => known || Math.sign((have[n] ?? 0) - part), 0) >= 0;
}

/** Says of one item whether it is shown; of an action also whether it can be used. */
function judge(item, isAction) {
  if (!item) return 'hidden';
  if (!isAction || !isAtLeast(session.version, [8, 0, 3])) return item.visible ? 'enabled' : 'hidden';
  if (item.relevant === false) return 'hidden';
  return item.visible ? 'enabled' : 'disabled';
}

/**
 * Returns the items to show of a part's views or actions, each with its state ("enabled" or "disabled"), as a promise if
 * some are dynamic.
 */
export function visible(plugin, part, items, objectIds, isAction = false) {
  const idOf = (item) => (isAction || !item.navigationId ? item.id : item.navigationId);
  const decide = (answers) =>
    items
      .map((item) => ({ item, state: item.dynamic ? judge(answers.get(idOf(item)), isAction) : 'enabled' }))
      .filter(({ state }) => state !== 'hidden');
  return items.some((item) => item.dynamic) ? ask(plugin, part.dynamicUri, objectIds).then(decide) : decide(new Map());
}
