// The start: who is logged in sees the shell, everybody else the login page.
import { api, whenSessionEnds } from './api.js';
import * as login from './login.js';
import * as plugins from './plugins.js';
import * as prefs from './prefs.js';
import * as shell from './shell.js';

const app = document.getElementById('app');
let running = null;

async function enter() {
  const session = await api.session();
  if (!session) return leave();
  Object.assign(plugins.session, session);
  await plugins.load();
  running?.stop();
  running = await shell.show(app, () => leave());
}

function leave(note) {
  running?.stop();
  running = null;
  login.show(app, enter, note);
}

prefs.apply();
whenSessionEnds((error) => {
  if (running) leave(error.message);
});
enter().catch((error) => leave(error.message));
