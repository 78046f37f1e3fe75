// The hash says what is shown:
//   #/home                                       #/administration/plugins
//   #/object/URN/summary | vms                   #/plugin/KEY/NAVIGATION-ID/INSTANCE-ID
//   #/object/URN/monitor/KEY/NAVIGATION-ID       (KEY "builtin" is the client's own)
//   #/object/URN/configure/KEY/NAVIGATION-ID

const navigationData = new Map();

/** Reads the hash. Unknown ones are the home page. */
export function current() {
  const [page, ...rest] = location.hash.replace(/^#\/?/, '').split('/').map(decodeURIComponent);
  if (page === 'object' && rest[0])
    return { page, id: rest[0], tab: rest[1] || 'summary', key: rest[2], view: rest[3] };
  if (page === 'plugin' && rest[0]) return { page, key: rest[0], view: rest[1], instance: rest[2] };
  if (page === 'administration') return { page };
  return { page: 'home' };
}

export const hash = (...parts) =>
  `#/${parts
    .filter((part) => part !== undefined)
    .map(encodeURIComponent)
    .join('/')}`;

/** Goes to a place; data is what the view there reads with getNavigationData. */
export function go(target, data) {
  navigationData.clear();
  if (data !== undefined) navigationData.set(target, data);
  if (location.hash === target) window.dispatchEvent(new HashChangeEvent('hashchange'));
  else location.hash = target;
}

export const dataOf = (target) => navigationData.get(target) ?? null;
