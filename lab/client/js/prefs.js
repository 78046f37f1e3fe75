// What the user sets in the user menu: theme, language, date format. It is kept in this browser.

export const locales = {
  'en-US': 'English',
  'de-DE': 'Deutsch',
  'es-ES': 'Español',
  'fr-FR': 'Français',
  'ja-JP': '日本語',
  'xx-XX': 'Pseudo (xx)',
};

export const dateFormats = {
  locale: 'As the language has it',
  hour24: '24 hours',
  hour12: '12 hours',
  iso: 'ISO 8601',
};

const key = 'lab-vsphere-client';
const prefs = { theme: 'light', locale: 'en-US', dateFormat: 'locale', panelOpen: true, ...read() };
const listeners = new Set();

function read() {
  try {
    return JSON.parse(localStorage.getItem(key)) ?? {};
  } catch {
    return {}; // somebody else's value is as good as none
  }
}

export const get = (name) => prefs[name];

export function set(name, value) {
  if (prefs[name] === value) return;
  prefs[name] = value;
  localStorage.setItem(key, JSON.stringify(prefs));
  apply();
  listeners.forEach((listener) => listener(name, value));
}

/** Calls back with name and value of every change; returns what ends that. */
export function onChange(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function apply() {
  document.documentElement.dataset.theme = prefs.theme;
  document.documentElement.lang = prefs.locale === 'xx-XX' ? 'en' : prefs.locale;
}

/** The options for Intl.DateTimeFormat, by the formats that the SDK names. */
export function dateOptions() {
  const iso = prefs.dateFormat === 'iso';
  const hour12 = { hour24: false, hour12: true }[prefs.dateFormat];
  const DATE = iso ? { dateStyle: 'short' } : { year: 'numeric', month: '2-digit', day: '2-digit' };
  const TIME = {
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    ...(hour12 === undefined || iso ? {} : { hour12 }),
  };
  const both = iso ? { dateStyle: 'short', timeStyle: 'medium' } : { ...DATE, ...TIME };
  // Swedish writes dates as ISO 8601 does.
  return { locale: iso ? 'sv-SE' : prefs.locale === 'xx-XX' ? 'en-US' : prefs.locale, DATE, TIME, DATE_AND_TIME: both };
}

export function formatDateTime(ms) {
  const options = dateOptions();
  return ms ? new Intl.DateTimeFormat(options.locale, options.DATE_AND_TIME).format(ms) : '';
}
