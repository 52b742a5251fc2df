// That the tools of the journeys are themselves to be trusted: a browser is found and the accessibility check sees.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { accessibilityFaults, findChromium, launch } from './browser.mjs';

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

function html(body) {
  return `<!doctype html><html lang="en"><head><title>Fixture</title>
    <meta http-equiv="Content-Security-Policy" content="default-src 'none'"></head><body>${body}</body></html>`;
}

test('a sound page has no faults, under a policy that forbids scripts', async () => {
  const page = await browser.newPage();
  await page.setContent(html('<main><h1>Actions needed</h1><p>Nothing to do.</p></main>'));
  assert.deepEqual(await accessibilityFaults(page), []);
  await page.close();
});

test('a field without a label is a fault that names the field', async () => {
  const page = await browser.newPage();
  await page.setContent(html('<main><h1>Describe</h1><input id="description"></main>'));
  const faults = await accessibilityFaults(page);
  assert.equal(faults.length, 1);
  assert.match(faults[0], /^label at #description: /);
  await page.close();
});

test('the environment names the browser, and a missing one is explained', () => {
  assert.equal(findChromium({ CHROMIUM: '/opt/chromium' }), '/opt/chromium');
  assert.throws(() => findChromium({ PATH: '/nowhere' }), /apt-get install chromium-headless-shell/);
});
