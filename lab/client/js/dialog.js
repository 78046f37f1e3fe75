// Dialogs that the client draws around a plug-in's page, and its confirmations.
import { h, icon, iconButton } from './dom.js';

const open = [];

/** Shows a dialog. Its close function may be called once, with a result. */
function show({ title, label, closable = true, width, body, footer, testid, role, onClosed }) {
  const heading = h('h2', { class: 'dialog-title', 'data-testid': 'modal-title' }, title ?? '');
  const close = h(
    'button',
    {
      type: 'button',
      class: 'icon-button dialog-close',
      'aria-label': 'Close',
      'data-testid': 'modal-close',
      onclick: () => shown.close(),
    },
    icon('close'),
  );
  close.hidden = !closable;
  const element = h(
    'dialog',
    { class: 'dialog', 'data-testid': testid, 'aria-label': label || title || 'Dialog', role },
    h('header', { class: 'dialog-header' }, heading, close),
    body,
    footer,
  );
  if (width) element.style.width = `${width}px`;
  element.addEventListener('cancel', (event) => {
    event.preventDefault();
    if (closable) shown.close();
  });
  let done = false;
  const shown = {
    element,
    setTitle(text) {
      heading.textContent = text;
    },
    setLabel(text) {
      element.setAttribute('aria-label', text);
    },
    close(result) {
      if (done) return;
      done = true;
      open.splice(open.indexOf(shown), 1);
      element.close();
      element.remove();
      onClosed?.(result);
    },
  };
  open.push(shown);
  document.body.append(element);
  element.showModal();
  return shown;
}

/** Shows a frame in a dialog; size is that of the frame, in pixels. */
export function frameDialog({ frame, size, ...options }) {
  frame.classList.add('dialog-frame');
  const setHeight = (height) => {
    frame.style.height = `${height}px`;
  };
  setHeight(size?.height ?? 400);
  const shown = show({
    ...options,
    testid: 'modal',
    width: size?.width ?? 600,
    body: h('div', { class: 'dialog-content' }, frame),
  });
  return Object.assign(shown, { setHeight });
}

const levels = { SUCCESS: 'ok', INFO: 'info', WARNING: 'warning', DANGER: 'error' };

/** Asks; onButton is called with the number of the button that was chosen. */
export function confirmDialog({
  content,
  buttons,
  size,
  alertLevel,
  title,
  secondaryTitle,
  accessibilityTitle,
  closable,
  onButton,
  onClosed,
}) {
  const shown = show({
    title,
    label: accessibilityTitle,
    closable,
    width: size?.width ?? 500,
    testid: 'confirmation',
    role: 'alertdialog',
    onClosed,
    body: h(
      'div',
      { class: `dialog-content dialog-text ${alertLevel ? `level-${alertLevel.toLowerCase()}` : ''}` },
      levels[alertLevel] && icon(levels[alertLevel]),
      h('div', {}, secondaryTitle && h('h3', {}, secondaryTitle), h('p', {}, content)),
    ),
    footer: h(
      'footer',
      { class: 'dialog-footer' },
      buttons.map((button, index) =>
        h(
          'button',
          {
            type: 'button',
            'data-testid': `confirmation-button-${index}`,
            class: `button ${button.type === 'SECONDARY' ? '' : 'primary'} ${button.style ? `style-${button.style.toLowerCase()}` : ''}`,
            onclick: () => {
              onButton?.(index);
              shown.close();
            },
          },
          button.label,
        ),
      ),
    ),
  });
  return shown;
}

/** Tells the user what went wrong. */
export function errorDialog(title, message) {
  confirmDialog({ title, content: message, alertLevel: 'DANGER', closable: true, buttons: [{ label: 'OK' }] });
}

export function closeAll() {
  [...open].reverse().forEach((shown) => shown.close());
}

/** A bar over the page that stays until it is closed. */
export function banner(text, action, onclick) {
  const bar = h(
    'div',
    { class: 'banner', role: 'status', 'data-testid': 'banner' },
    icon('info'),
    h('span', {}, text),
    h('button', { type: 'button', class: 'button-link', onclick, 'data-testid': 'banner-action' }, action),
    iconButton('close', 'Close this message', () => bar.remove()),
  );
  return bar;
}
