// The login page.
import { api } from './api.js';
import { h, icon } from './dom.js';
import * as prefs from './prefs.js';

/** Draws the login page; note says why the user is here again. */
export function show(app, onLogin, note = '') {
  const message = h('p', { class: 'login-error', role: 'alert', 'data-testid': 'login-error' }, note);
  const user = h('input', {
    id: 'user',
    name: 'username',
    autocomplete: 'username',
    required: true,
    autofocus: true,
    spellcheck: 'false',
    'data-testid': 'login-user',
  });
  const password = h('input', {
    id: 'password',
    type: 'password',
    autocomplete: 'current-password',
    required: true,
    'data-testid': 'login-password',
  });
  const button = h('button', { type: 'submit', class: 'button primary', 'data-testid': 'login-submit' }, 'Log in');
  const form = h(
    'form',
    {
      class: 'login-form',
      onsubmit: async (event) => {
        event.preventDefault();
        button.disabled = true;
        message.textContent = '';
        try {
          await api.login(user.value, password.value, prefs.get('locale'));
          await onLogin();
        } catch (error) {
          message.textContent = error.message;
          button.disabled = false;
          password.select();
        }
      },
    },
    h('h1', {}, 'vSphere Client', h('span', {}, 'laboratory')),
    h('label', { for: 'user' }, 'User name'),
    user,
    h('label', { for: 'password' }, 'Password'),
    password,
    message,
    button,
  );
  app.replaceChildren(
    h(
      'main',
      { class: 'login', 'data-testid': 'login' },
      form,
      h('div', { class: 'login-side', 'aria-hidden': 'true' }, icon('cluster')),
    ),
  );
  document.title = 'Log in - vSphere Client (lab)';
  user.focus();
}
