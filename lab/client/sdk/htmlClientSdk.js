// What a plug-in's frames load to speak with the client around them: window.htmlClientSdk, with the functions that the
// vSphere Client SDK documents for remote plug-ins. Everything goes by messages; app, modal and event are there once
// initialize has called back.
(() => {
  'use strict';

  const mark = 'lab-vsphere-client-sdk';
  const proxied = location.pathname.match(/^\/plugins\/[^/]+\/[^/]+/);
  const waiting = [];
  const replies = new Map();
  const handlers = { globalRefresh: [], themeChanged: [], dateTimeFormatChanged: [] };
  const opened = new Map();
  let state = null;
  let asked = false;
  let next = 1;

  const send = (message) => window.parent.postMessage({ mark, ...message }, location.origin);
  const tell = (method, ...args) => send({ kind: 'call', method, args });
  const copy = (value) => (value === undefined ? undefined : JSON.parse(JSON.stringify(value)));

  function ask(method, callback, ...args) {
    const id = next++;
    replies.set(id, callback);
    send({ kind: 'call', method, args, id });
  }

  function requireFunction(callback, name) {
    if (typeof callback !== 'function') throw new TypeError(`${name} needs a function to call back.`);
  }

  const app = {
    getContextObjects: () => copy(state.contextObjects),
    getSessionInfo: (callback) => {
      requireFunction(callback, 'getSessionInfo');
      ask('getSessionInfo', callback);
    },
    getPluginBackendInfo: (callback) => {
      requireFunction(callback, 'getPluginBackendInfo');
      ask('getPluginBackendInfo', callback);
    },
    getApiEndpoints: () => copy(state.apiEndpoints),
    getClientInfo: () => copy(state.clientInfo),
    getClientLocale: () => state.locale,
    getTheme: () => ({ name: state.theme }),
    formatDateTime(ms, options) {
      const { locale, ...formats } = state.dateOptions;
      return new Intl.DateTimeFormat(locale, formats[options?.format ?? 'DATE_AND_TIME']).format(ms);
    },
    getNavigationData: () => copy(state.navigationData),
    navigateTo: (options) => tell('navigateTo', copy(options)),
    navigateToClientView: (options) => tell('navigateToClientView', copy(options)),
    navigateToRemotePluginView: (options) => tell('navigateToRemotePluginView', copy(options)),
    getRemotePluginNavigationMap: (pluginId, callback) => ask('getRemotePluginNavigationMap', callback, pluginId),
    refreshPluginItemsState: () => tell('refreshPluginItemsState'),
  };

  const modal = {
    open(configuration) {
      const { onClosed, customData, ...options } = configuration;
      const handle = next++;
      opened.set(handle, { onClosed });
      tell('modal.open', handle, {
        ...copy(options),
        url: new URL(options.url, document.baseURI).href,
        customData: options.sanitizeData === false ? customData : copy(customData),
      });
    },
    close: (data) => tell('modal.close', state.sanitizeData === false ? data : copy(data)),
    getCustomData: () => state.customData ?? null,
    setOptions: (options) => tell('modal.setOptions', copy(options)),
    openConfirmationModal(configuration) {
      const { onClosed, buttons = [], ...options } = configuration;
      const handle = next++;
      opened.set(handle, { onClosed, callbacks: buttons.map((button) => button.callback) });
      tell('modal.confirm', handle, { ...copy(options), buttons: copy(buttons) });
    },
    openSharedModal(configuration) {
      const { onClosed, ...options } = configuration;
      const handle = next++;
      opened.set(handle, { onClosed });
      tell('modal.openShared', handle, copy(options));
    },
    getSharedModalsMap: (pluginId, callback) => ask('getSharedModalsMap', callback, pluginId),
  };

  const event = {
    onGlobalRefresh: (callback) => {
      requireFunction(callback, 'onGlobalRefresh');
      handlers.globalRefresh.push(callback);
    },
    onThemeChanged: (callback) => {
      requireFunction(callback, 'onThemeChanged');
      handlers.themeChanged.push(callback);
    },
    onDateTimeFormatChanged: (callback) => {
      requireFunction(callback, 'onDateTimeFormatChanged');
      handlers.dateTimeFormatChanged.push(callback);
    },
  };

  const received = {
    init(message) {
      state = message.state;
      Object.assign(sdk, { app, modal, event });
      waiting.splice(0).forEach((callback) => callback());
    },
    reply({ id, value }) {
      const callback = replies.get(id);
      replies.delete(id);
      callback?.(value);
    },
    event({ name, value, change }) {
      Object.assign(state, change);
      handlers[name]?.forEach((callback) => callback(value));
    },
    button({ handle, index }) {
      opened.get(handle)?.callbacks?.[index]?.();
    },
    closed({ handle, result }) {
      const entry = opened.get(handle);
      opened.delete(handle);
      entry?.onClosed?.(result);
    },
  };

  window.addEventListener('message', ({ source, origin, data }) => {
    if (source === window.parent && origin === location.origin && data?.mark === mark) received[data.kind]?.(data);
  });

  const sdk = {
    initialize(callback) {
      if (state) {
        if (callback) setTimeout(callback);
        return;
      }
      if (callback) waiting.push(callback);
      if (!asked) send({ kind: 'hello' });
      asked = true;
    },
    isInitialized: () => state !== null,
    getProxiedPluginServerOrigin: () => (proxied ? location.origin + proxied[0] : null),
  };
  window.htmlClientSdk = sdk;
})();
