// The client's own views of an object: facts, VMs, tasks, events.
import { api } from './api.js';
import { h, icon, iconButton, objectIcon } from './dom.js';
import * as actions from './actions.js';
import * as prefs from './prefs.js';
import * as router from './router.js';

export const objectLink = (target) =>
  target && h('a', { href: router.hash('object', target.id, 'summary') }, objectIcon(target), target.name);

const when = (ms) => ms && h('time', { datetime: new Date(ms).toISOString() }, prefs.formatDateTime(ms));

export function facts(list) {
  return h(
    'dl',
    { class: 'facts' },
    list
      .filter((fact) => fact.value || fact.link)
      .map((fact) =>
        h('div', {}, h('dt', {}, fact.label), h('dd', {}, fact.link ? objectLink(fact.link) : fact.value)),
      ),
  );
}

export function general(container, { object }) {
  container.replaceChildren(h('div', { class: 'view-body' }, h('h2', {}, 'General'), facts(object.facts)));
}

/** A table with a caption for screen readers; each cell is text or an element. */
export function table(caption, columns, rows, testid) {
  return h(
    'div',
    { class: 'table-scroll' },
    h(
      'table',
      { class: 'table', 'data-testid': testid },
      h('caption', { class: 'visually-hidden' }, caption),
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          columns.map((column) => h('th', { scope: 'col' }, column)),
        ),
      ),
      h('tbody', {}, rows),
    ),
  );
}

const cells = (...values) => values.map((value) => h('td', {}, value ?? ''));

export async function vmList(container, { node, route }, offset = 0) {
  const { total, nodes } = await api.vms(node.id, offset);
  const chosen = new Set();
  const lines = nodes.map((vm) => {
    const line = h(
      'tr',
      { 'aria-selected': 'false', tabindex: '0', 'data-testid': `vm-${vm.name}` },
      cells(
        h(
          'span',
          { class: 'cell-object' },
          objectIcon(vm),
          h('a', { href: router.hash('object', vm.id, 'summary') }, vm.name),
        ),
        vm.template
          ? 'Template'
          : vm.power === 'on'
            ? 'Powered On'
            : vm.power === 'suspended'
              ? 'Suspended'
              : 'Powered Off',
        vm.ip,
        vm.cpu,
        `${vm.memoryMiB ?? 0} MB`,
      ),
    );
    line.addEventListener('click', (event) => {
      if (!event.target.closest('a')) choose(vm, event);
    });
    line.addEventListener('keydown', (event) => {
      if (event.key === ' ') {
        event.preventDefault();
        choose(vm, { ctrlKey: true });
      }
      if (event.key === 'ContextMenu' || (event.key === 'F10' && event.shiftKey)) {
        event.preventDefault();
        openMenu(vm, line.getBoundingClientRect());
      }
    });
    // A range of rows is meant, not the text in them.
    line.addEventListener('mousedown', (event) => {
      if (event.shiftKey) event.preventDefault();
    });
    line.addEventListener('contextmenu', (event) => {
      event.preventDefault();
      openMenu(vm, { x: event.clientX, y: event.clientY });
    });
    return line;
  });
  let anchor = 0;
  const mark = () => lines.forEach((line, n) => line.setAttribute('aria-selected', String(chosen.has(nodes[n]))));
  function choose(vm, { ctrlKey, metaKey, shiftKey }) {
    const at = nodes.indexOf(vm);
    if (shiftKey) {
      chosen.clear();
      nodes.slice(Math.min(anchor, at), Math.max(anchor, at) + 1).forEach((other) => chosen.add(other));
    } else {
      if (!(ctrlKey || metaKey)) chosen.clear();
      if (!chosen.delete(vm)) chosen.add(vm);
      anchor = at;
    }
    mark();
  }
  function openMenu(vm, { x, y }) {
    if (!chosen.has(vm)) choose(vm, {});
    actions.openActions([...chosen], { x, y });
  }
  const step = (label, to, possible) =>
    h(
      'button',
      { type: 'button', class: 'button', disabled: !possible, onclick: () => vmList(container, { node, route }, to) },
      label,
    );
  container.replaceChildren(
    h(
      'div',
      { class: 'view-body' },
      table(`Virtual machines of ${node.name}`, ['Name', 'State', 'IP Address', 'CPUs', 'Memory'], lines, 'vm-table'),
      nodes.length === 0 && h('p', { class: 'empty' }, 'No virtual machines'),
      h(
        'div',
        { class: 'table-footer' },
        total > nodes.length && [
          step('Previous', Math.max(0, offset - 500), offset > 0),
          step('Next', offset + 500, offset + nodes.length < total),
        ],
        h('span', { 'data-testid': 'vm-count' }, `${total} item${total === 1 ? '' : 's'}`),
      ),
    ),
  );
}

const states = { queued: 'Queued', running: 'Running', success: 'Completed', error: 'Failed' };

function taskState(task) {
  if (task.state === 'running') {
    return h(
      'span',
      { class: 'task-state' },
      h('progress', { max: '100', value: String(task.progress), 'aria-label': `Progress of ${task.name}` }),
      `${task.progress}%`,
    );
  }
  return h(
    'span',
    { class: `task-state state-${task.state}` },
    task.state === 'success' && icon('ok'),
    task.state === 'error' && icon('error'),
    states[task.state],
  );
}

/** The rows of tasks; also for the panel of recent tasks. */
export function taskTable(list, testid) {
  return table(
    'Tasks',
    ['Task Name', 'Target', 'Status', 'Details', 'Initiator', 'Queued For', 'Start Time', 'Completion Time', 'Server'],
    list.map((task) =>
      h(
        'tr',
        { 'data-testid': 'task', 'data-state': task.state },
        cells(
          task.name,
          objectLink(task.target),
          taskState(task),
          task.error ?? task.details,
          task.initiator,
          `${task.queuedMs} ms`,
          when(task.startMs),
          when(task.endMs),
          task.vcenter,
        ),
      ),
    ),
    testid,
  );
}

export async function tasks(container, { node }) {
  const { tasks: list } = await api.tasks(node.root ? '' : node.id);
  container.replaceChildren(
    h(
      'div',
      { class: 'view-body' },
      h('h2', {}, 'Tasks'),
      taskTable(list, 'tasks-table'),
      list.length === 0 && h('p', { class: 'empty' }, 'No recent tasks of this object'),
    ),
  );
}

const severities = {
  info: ['info', 'Information'],
  warning: ['warning', 'Warning'],
  error: ['error', 'Error'],
  user: ['user', 'User'],
};

export async function events(container, { node }) {
  const filter = h('input', {
    type: 'search',
    id: 'event-filter',
    'data-testid': 'event-filter',
    placeholder: 'such as com.hdm',
    spellcheck: 'false',
  });
  const list = h('div', { class: 'events-list' });
  const details = h('div', { class: 'event-details', 'data-testid': 'event-details', 'aria-live': 'polite' });
  const load = async () => {
    const { events: found, total } = await api.events(node.id, filter.value.trim());
    const lines = found.map((event) => {
      const [glyph, name] = severities[event.severity] ?? severities.info;
      const line = h(
        'tr',
        {
          tabindex: '0',
          'aria-selected': 'false',
          'data-testid': 'event',
          'data-type': event.type,
          'data-severity': event.severity,
        },
        cells(
          event.message,
          h('span', { class: `severity severity-${event.severity}` }, icon(glyph), name),
          when(event.atMs),
          objectLink(event.target),
          event.user,
          event.type,
        ),
      );
      const choose = () => {
        lines.forEach((other) => other.setAttribute('aria-selected', String(other === line)));
        details.replaceChildren(
          facts([
            { label: 'Date Time', value: prefs.formatDateTime(event.atMs) },
            { label: 'Type', value: name },
            { label: 'User', value: event.user },
            { label: 'Event Type ID', value: event.type },
            { label: 'Description', value: event.message },
          ]),
        );
      };
      line.addEventListener('click', choose);
      line.addEventListener('keydown', (pressed) => {
        if (pressed.key === 'Enter' || pressed.key === ' ') {
          pressed.preventDefault();
          choose();
        }
      });
      return line;
    });
    list.replaceChildren(
      table('Events', ['Description', 'Type', 'Date Time', 'Target', 'User', 'Event Type ID'], lines, 'events-table'),
      h(
        'div',
        { class: 'table-footer' },
        h(
          'span',
          {},
          total > found.length
            ? `the newest ${found.length} of ${total} items`
            : `${total} item${total === 1 ? '' : 's'}`,
        ),
      ),
    );
    details.replaceChildren(h('p', { class: 'empty' }, 'Choose an event to see its details.'));
  };
  let timer = 0;
  filter.addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(load, 250);
  });
  container.replaceChildren(
    h(
      'div',
      { class: 'view-body view-events' },
      h('h2', {}, 'Events'),
      h(
        'div',
        { class: 'toolbar' },
        h('label', { for: 'event-filter' }, 'Event Type ID'),
        filter,
        iconButton('refresh', 'Read the events again', load),
      ),
      list,
      details,
    ),
  );
  await load();
}
