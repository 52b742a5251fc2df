// What the journeys share: the running product they are given, signing in, and the ways at Microsoft's pages.

import assert from 'node:assert/strict';

import { accessibilityFaults } from './browser.mjs';

/** The product under test, as `bin/consentry-dev with -- npm test` hands it over. */
export function product(env = process.env) {
  const needed = ['BASE', 'CONSOLE_USER', 'MICROSOFT_ADMIN', 'MICROSOFT_CLOUD_ADMIN', 'CONSOLE_USER_2', 'MICROSOFT_ADMIN_2', 'OPERATOR'];
  const missing = needed.filter((name) => !env[name]);
  if (missing.length) {
    throw new Error(`The journeys need a running product (${missing.join(', ')} not set). Run: bin/consentry-dev with -- npm --prefix test/e2e-browser test`);
  }
  return {
    base: env.BASE.replace(/\/$/, ''),
    first: { user: env.CONSOLE_USER, admin: env.MICROSOFT_ADMIN, cloudAdmin: env.MICROSOFT_CLOUD_ADMIN },
    second: { user: env.CONSOLE_USER_2, admin: env.MICROSOFT_ADMIN_2 },
    operator: env.OPERATOR,
  };
}

/** How long a phase may take: consents spread, directories are read. */
export const patience = 90_000;

/** A browser context with one page that remembers what went wrong in it. */
export async function open(browser, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce', ...options });
  const page = await context.newPage();
  page.wrongs = watch(page);
  return page;
}

/** Collects script errors and messages of the browser, such as a breach of the content security policy. */
export function watch(page) {
  const wrongs = [];
  page.on('pageerror', (error) => wrongs.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error' && !/status of (401|422)/.test(message.text())) wrongs.push(message.text());
  });
  return wrongs;
}

/** Signs in to the console at the vendor's identity provider, and ends on the page that was asked for. */
export async function signIn(page, base, login, path = '/connectors') {
  await page.goto(base + path);
  await page.getByRole('link', { name: 'Sign in' }).click();
  await atMicrosoft(page, base, login);
}

/**
 * Does at the sign-in and consent pages what a person does there, until the browser is back in the console: picks the
 * account and gives the answer (accept or cancel).
 */
export async function atMicrosoft(page, base, login, answer = 'accept') {
  for (let step = 0; step < 12; step += 1) {
    await page.waitForLoadState('domcontentloaded');
    if (page.url().startsWith(`${base}/`)) return;
    const consent = page.locator(`button[name=consent][value=${answer}]`);
    const cancel = page.locator('button[name=consent][value=cancel]');
    const account = page.locator(`button[name=login][value="${login}"]`);
    const known = consent.or(cancel).or(account).first();
    await known.waitFor();
    // Somebody who may not consent is offered only the way back.
    if (await consent.count()) await consent.click();
    else if (await account.count()) await account.click();
    else await cancel.click();
  }
  assert.fail(`still at ${page.url()} after many steps`);
}

/** Another person sits down: nobody is signed in at Microsoft any more. */
export async function forgetMicrosoft(page) {
  await page.context().clearCookies({ name: 'entra_emulator_session' });
}

/** Without scripts a page is asked again until it shows what is waited for. */
export async function reloadUntil(page, locator) {
  const end = Date.now() + patience;
  for (;;) {
    if (await locator.first().isVisible()) return;
    assert.ok(Date.now() < end, `${page.url()} did not show ${locator} in time`);
    await page.waitForTimeout(500);
    await page.reload();
  }
}

/** WCAG 2.2 AA in light and dark, wide and narrow; nothing wider than the screen; nothing too small to hit. */
export async function assertAccessible(page, where) {
  const size = page.viewportSize();
  for (const colorScheme of ['light', 'dark']) {
    for (const width of [1280, 320]) {
      const at = `${where}, ${colorScheme}, ${width} px`;
      // A colour that is still fading in is no colour to judge, and on a busy machine it fades for long.
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await page.setViewportSize({ width, height: 900 });
      await page.evaluate(() => new Promise((drawn) => { requestAnimationFrame(() => requestAnimationFrame(drawn)); }));
      await page.evaluate(() => Promise.all(document.getAnimations()
        .filter((a) => a.effect?.getComputedTiming().iterations !== Infinity).map((a) => a.finished.catch(() => {}))));
      assert.deepEqual(await accessibilityFaults(page), [], at);
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false, `scrolls sideways: ${at}`);
      assert.deepEqual(await page.evaluate(tooSmall), [], `smaller than 24 px: ${at}`);
    }
  }
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: null });
  await page.setViewportSize(size);
}

/** Runs in the page. The checker's own rule let a button of 12 x 10 px pass. */
function tooSmall() {
  return [...document.querySelectorAll('a[href], button, input:not([type=hidden]), textarea, summary')]
    .filter((e) => e.checkVisibility({ visibilityProperty: true }) && !e.matches('.skip') && getComputedStyle(e).display !== 'inline')
    .filter((e) => { const r = e.getBoundingClientRect(); return r.width < 24 || r.height < 24; })
    .map((e) => e.outerHTML.slice(0, 90));
}
