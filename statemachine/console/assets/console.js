// What pages do by themselves: light or dark, keys, files that are dropped. Lists that change are htmx's.
'use strict';

const root = document.documentElement;

// Light or dark: as the system has it, until somebody says otherwise.
const scheme = () => localStorage.getItem('scheme');
const show = () => {
  if (scheme()) root.dataset.scheme = scheme();
};
show();

function turn() {
  const dark = (root.dataset.scheme || (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light')) === 'dark';
  localStorage.setItem('scheme', dark ? 'light' : 'dark');
  show();
  dispatchEvent(new Event('schemechange'));
}

const help = () => document.getElementById('help').showModal();
document.getElementById('scheme').addEventListener('click', turn);
document.getElementById('keys').addEventListener('click', help);

// The server tells what changed; what shows it asks again (hx-trigger="… from:body").
const events = new EventSource('/events');
const NAMES = ['runs', 'jobs'];
const tell = (name) => document.body.dispatchEvent(new Event(name));
for (const name of NAMES) events.addEventListener(name, () => tell(name));
addEventListener('pagehide', () => events.close());

// What is shown is not exchanged between the press and the release of a button, and the row that has the focus keeps it.
let pressed = false;
let missed = new Set();
let focused = null;
addEventListener('pointerdown', () => (pressed = true), true);
addEventListener('pointerup', () => setTimeout(() => {
  pressed = false;
  for (const name of missed) tell(name);
  missed = new Set();
}, 100), true);
const rowOf = (element) => element?.closest('table.list tbody tr');
const nameOf = (row) => row?.querySelector('a[href]')?.getAttribute('href');
addEventListener('htmx:beforeSwap', (event) => {
  const name = event.detail.requestConfig?.triggeringEvent?.type;
  if (pressed && NAMES.includes(name)) {
    event.detail.shouldSwap = false;
    missed.add(name);
  }
  focused = nameOf(rowOf(document.activeElement));
});
addEventListener('htmx:afterSwap', () => {
  if (focused && !rowOf(document.activeElement)) {
    [...document.querySelectorAll('table.list tbody tr')].find((row) => nameOf(row) === focused)?.focus();
  }
});

// Keys. `g` and a letter goes to a page.
const PAGES = { r: '/runs', f: '/failures', e: '/recordings', s: '/subjects', q: '/query' };
let going = false;

function row(step) {
  const rows = [...document.querySelectorAll('table.list tbody tr')];
  if (rows.length === 0) return;
  const at = rows.indexOf(document.activeElement.closest('tr'));
  const next = rows[Math.max(0, Math.min(rows.length - 1, at + step))];
  next.focus();
  next.scrollIntoView({ block: 'nearest' });
}

addEventListener('keydown', (event) => {
  const typing = event.target.closest('input, select, textarea, [contenteditable]');
  if (typing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return;
  if (going && PAGES[event.key]) {
    location.href = PAGES[event.key];
    return;
  }
  going = event.key === 'g';
  if (event.key === '/') {
    const search = document.getElementById('search');
    if (search) {
      search.focus();
      event.preventDefault();
    }
  } else if (event.key === 'd') turn();
  else if (event.key === '?') help();
  else if (event.key === 'j') row(1);
  else if (event.key === 'k') row(-1);
  else if (event.key === 'Enter' && event.target.matches('tr')) event.target.querySelector('a[href]')?.click();
});

// Copies what stands in an element: <button data-copy="#id">.
document.addEventListener('click', async (event) => {
  const button = event.target.closest('[data-copy]');
  if (!button) return;
  const from = document.querySelector(button.dataset.copy);
  await navigator.clipboard.writeText(from.value ?? from.textContent);
  const words = button.textContent;
  button.textContent = 'Copied';
  setTimeout(() => (button.textContent = words), 1200);
});

// Files: all in one request, after a line with their names and sizes; then their runs begin.
const drop = document.getElementById('drop');

async function send(files) {
  const words = drop.querySelector('span');
  words.textContent = files.length === 1 ? `Sending ${files[0].name}` : `Sending ${files.length} files`;
  drop.classList.remove('wrong');
  drop.classList.add('busy');
  try {
    const named = JSON.stringify([...files].map((file) => [file.name, file.size]));
    const answer = await fetch('/uploads', { method: 'POST', body: new Blob([named, '\n', ...files]) });
    if (!answer.ok) throw new Error(await answer.text());
    htmx.swap('#jobs', await answer.text(), { swapStyle: 'innerHTML' });
    words.textContent = 'Drop recordings here, or choose files';
  } catch (error) {
    words.textContent = error.message;
    drop.classList.add('wrong');
  }
  drop.classList.remove('busy');
}

if (drop) {
  document.getElementById('files').addEventListener('change', (event) => send(event.target.files));
  addEventListener('dragover', (event) => {
    event.preventDefault();
    drop.classList.add('over');
  });
  addEventListener('dragleave', () => drop.classList.remove('over'));
  addEventListener('drop', (event) => {
    event.preventDefault();
    drop.classList.remove('over');
    if (event.dataTransfer.files.length) send(event.dataTransfer.files);
  });
}

// Ctrl-Enter asks.
document.getElementById('sql')?.addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    document.getElementById('ask').requestSubmit();
  }
});
