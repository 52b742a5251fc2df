// @ts-check
/** What the console does beyond plain pages. Every page works without this file. */

/* ---------- morph: make one part of the page equal to its newer version, without disturbing who uses it ---------- */

/** What the browser or this file has set, and the server does not know. */
const OURS = new Set(['open', 'data-sent', 'aria-disabled']);

/**
 * Keeps elements that have the same id, focus, the caret, typed text, open
 * popovers and open details; parts marked data-keep are left alone.
 * @param {Element} from @param {Element} to
 */
export function morph(from, to) {
  if (from.isEqualNode(to) || from.hasAttribute('data-keep')) return;
  for (const a of [...from.attributes]) if (!to.hasAttribute(a.name) && !OURS.has(a.name)) from.removeAttribute(a.name);
  for (const a of to.attributes) if (from.getAttribute(a.name) !== a.value) from.setAttribute(a.name, a.value);
  if (from instanceof HTMLTextAreaElement || from instanceof HTMLInputElement) return; // what a person typed is his
  /** @type {Map<string, Element>} */
  const keyed = new Map();
  for (const c of from.children) if (c.id) keyed.set(c.id, c);
  let cur = from.firstChild;
  for (const want of [...to.childNodes]) {
    const have = want instanceof Element && want.id ? keyed.get(want.id) : undefined;
    if (have && have.nodeName === want.nodeName) {
      if (have === cur) cur = cur.nextSibling;
      else from.insertBefore(have, cur);
      morph(have, /** @type {Element} */ (want));
    } else if (cur && cur.nodeType === want.nodeType && cur.nodeName === want.nodeName && !(cur instanceof Element && cur.id) && !(want instanceof Element && want.id)) {
      const next = cur.nextSibling;
      if (cur instanceof Element) morph(cur, /** @type {Element} */ (want));
      else if (cur.nodeValue !== want.nodeValue) cur.nodeValue = want.nodeValue;
      cur = next;
    } else {
      from.insertBefore(document.importNode(want, true), cur);
    }
  }
  while (cur) {
    const next = cur.nextSibling;
    cur.remove();
    cur = next;
  }
}

/* ---------- refresh: the server says that something changed, the page asks what ---------- */

/** @param {string} text */
function announce(text) {
  const n = document.getElementById('announce');
  if (!n || document.visibilityState !== 'visible') return;
  n.textContent = '';
  requestAnimationFrame(() => { n.textContent = text; });
}

const page = document.body.dataset;
let busy = false;
let again = false;

async function refresh() {
  if (busy) { again = true; return; }
  busy = true;
  try {
    const answer = await fetch(page.self ?? location.pathname, { credentials: 'same-origin', cache: 'no-store' });
    if (answer.status === 401) { signedOut(); return; }
    if (!answer.ok) return;
    const next = new DOMParser().parseFromString(await answer.text(), 'text/html');
    const focused = document.activeElement;
    for (const part of document.querySelectorAll('[data-live]')) {
      const to = next.getElementById(part.id);
      if (!to) continue;
      const before = new Map([...part.querySelectorAll('[data-status]')].map(e => [e.id, e.getAttribute('data-status')]));
      morph(part, to);
      for (const e of part.querySelectorAll('[data-status]')) changed(e, before.get(e.id));
    }
    if (focused && !focused.isConnected) document.getElementById('main')?.focus({ preventScroll: true });
    document.title = next.title;
    page.seq = next.body.dataset.seq;
  } catch { /* the stream notices a lost connection and asks again when it is back */ } finally {
    busy = false;
    if (again) { again = false; setTimeout(refresh, 150); }
  }
}

/** Marks and announces a part whose status is not what it was. @param {Element} e @param {string | null | undefined} before */
function changed(e, before) {
  if (before === undefined || before === e.getAttribute('data-status')) return;
  e.classList.remove('changed');
  void (/** @type {HTMLElement} */ (e)).offsetWidth; // restarts the animation
  e.classList.add('changed');
  const text = e.getAttribute('data-say');
  if (text) announce(text);
}

function signedOut() {
  const bar = document.getElementById('signed-out');
  if (bar?.hidden) {
    bar.hidden = false;
    announce(bar.textContent ?? '');
  }
}

/* ---------- live: one event stream per browser, shared between its tabs ---------- */

/** @param {boolean} up */
function mark(up) {
  const e = document.getElementById('conn');
  if (!e) return;
  e.dataset.state = up ? 'up' : 'down';
  const text = up ? 'Live' : 'Reconnecting…';
  if (e.textContent !== text) e.textContent = text;
}

/** @param {string} address */
function live(address) {
  const name = 'live:' + address;
  const bus = new BroadcastChannel(name);
  /** @type {EventSource | null} */
  let stream = null;
  let release = () => {};
  let up = false;
  let seq = Number(page.seq);

  /** Something happened up to a place of the change log: ask, unless this page shows it already. @param {number} at */
  const heard = at => { if (!at || at > Number(page.seq)) refresh(); };
  /** @param {boolean} now */
  const tell = now => { up = now; mark(up); bus.postMessage({ up, seq }); };

  bus.onmessage = e => {
    if (e.data === 'who') { if (stream) bus.postMessage({ up, seq }); return; }
    mark(e.data.up);
    if (e.data.seq) heard(e.data.seq);
  };
  bus.postMessage('who');

  // Browsers offer no locks on plain http beyond this machine: each tab then has a stream of its own.
  /** @param {() => Promise<void>} lead */
  const elect = lead => navigator.locks ? navigator.locks.request(name, lead) : lead();
  const start = () => elect(() => new Promise(resolve => {
    stream = new EventSource(address + '&since=' + (page.seq ?? 0)); // what happened while nobody listened comes first
    release = () => { stream?.close(); stream = null; resolve(undefined); };
    stream.onopen = () => tell(true);
    stream.onerror = () => {
      tell(false);
      if (stream?.readyState === EventSource.CLOSED) { // refused: signed out, or the server cannot; ask the page itself
        release();
        refresh();
        setTimeout(start, 5000);
      }
    };
    stream.addEventListener('changed', e => {
      seq = Number(e.lastEventId) || seq;
      tell(true);
      heard(Number(e.lastEventId));
    });
  })).catch(() => {});

  start();
  addEventListener('pagehide', () => release()); // a page with an open stream is not kept for "back"
  addEventListener('pageshow', e => { if (e.persisted) { start(); refresh(); } });
  setInterval(() => { if (document.visibilityState === 'visible') refresh(); }, 60_000); // "days left" move without an event
}

/* ---------- forms: count, suggest, guard against a second press; the rules themselves are the server's ---------- */

/** @param {HTMLTextAreaElement} t */
function count(t) {
  const out = document.getElementById(t.id + '-count');
  if (!out || !t.dataset.max) return;
  const left = Number(t.dataset.max) - [...t.value.normalize('NFC').trim().replace(/\s+/g, ' ')].length;
  const n = Math.abs(left);
  out.classList.toggle('over', left < 0);
  out.textContent = `You have ${n} character${n === 1 ? '' : 's'} ${left < 0 ? 'too many' : 'remaining'}`;
}

function forms() {
  document.addEventListener('input', e => { if (e.target instanceof HTMLTextAreaElement) count(e.target); });

  document.addEventListener('submit', e => {
    const form = /** @type {HTMLFormElement} */ (e.target);
    if (form.dataset.sent) { e.preventDefault(); return; }
    form.dataset.sent = '1';
    e.submitter?.setAttribute('aria-disabled', 'true');
    const free = () => { delete form.dataset.sent; e.submitter?.removeAttribute('aria-disabled'); };
    setTimeout(free, 10_000);
    addEventListener('pageshow', free, { once: true });
  });

  document.addEventListener('click', async e => {
    const button = /** @type {Element} */ (e.target).closest?.('[data-copy],[data-suggest]');
    if (!button) return;
    const text = button.getAttribute('data-copy');
    if (text !== null) {
      try { await navigator.clipboard.writeText(text); announce('Copied'); } catch { announce('Copying is not allowed here: select the text instead'); }
      return;
    }
    const field = document.getElementById('description');
    if (field instanceof HTMLTextAreaElement) { // fills the field, never saves
      field.value = button.getAttribute('data-suggest') ?? '';
      count(field);
      field.focus();
    }
  });

  document.getElementById('problem')?.focus();
  /** @type {HTMLFormElement | null} */ (document.querySelector('form[data-go]'))?.requestSubmit(); // a step that nobody has to take
}

document.documentElement.dataset.js = '';
forms();
if (page.events && 'EventSource' in window && document.querySelector('[data-live]')) live(page.events);
