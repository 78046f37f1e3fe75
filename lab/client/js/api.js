// The server side's JSON.

/** What the server refused, with its status (0: it was not reached). */
export class ApiError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

let onSessionEnd = () => {};

/** Sets what happens when the server no longer knows the session. */
export function whenSessionEnds(callback) {
  onSessionEnd = callback;
}

async function call(method, path, body) {
  let response;
  try {
    response = await fetch(`api/${path}`, {
      method,
      headers: body === undefined ? {} : { 'Content-Type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new ApiError('The vCenter does not answer.', 0);
  }
  const value = await response.json().catch(() => ({}));
  if (response.ok) return value;
  const error = new ApiError(value?.error ?? `The vCenter answers with status ${response.status}.`, response.status);
  if (response.status === 401 && path !== 'login') onSessionEnd(error);
  throw error;
}

const query = (path, parameters) => `${path}?${new URLSearchParams(parameters)}`;

export const api = {
  login: (user, password, locale) => call('POST', 'login', { user, password, locale }),
  logout: () => call('POST', 'logout', {}),
  session: () => call('GET', 'session'),
  sessionInfo: () => call('GET', 'session-info'),
  backendInfo: () => call('GET', 'backend-info'),
  plugins: () => call('GET', 'plugins'),
  checkPlugins: () => call('POST', 'plugins/check', {}),
  children: (of, tree) => call('GET', query('children', { of, tree })),
  object: (id) => call('GET', query('object', { id })),
  vms: (of, offset) => call('GET', query('vms', { of, offset })),
  search: (q) => call('GET', query('search', { q })),
  tasks: (of = '') => call('GET', query('tasks', { of })),
  events: (of, type) => call('GET', query('events', { of, type })),
  power: (id, on) => call('POST', 'power', { id, on }),
};
