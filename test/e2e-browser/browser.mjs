// The browser that the journeys use, and the accessibility check. The browser is the system's own: playwright-core brings
// none, and a page is to work in what people have.

import { accessSync, constants, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';

import { chromium } from 'playwright-core';

const names = ['chromium-headless-shell', 'chromium', 'chromium-browser', 'google-chrome'];

/** Path of the first Chromium there is: $CHROMIUM, else the usual names along the PATH. */
export function findChromium(env = process.env) {
  if (env.CHROMIUM) return env.CHROMIUM;
  for (const name of names) {
    for (const folder of (env.PATH ?? '').split(delimiter)) {
      const candidate = join(folder, name);
      if (isExecutable(candidate)) return candidate;
    }
  }
  throw new Error(
    `No Chromium found (looked for ${names.join(', ')}). ` +
      'On Debian: sudo apt-get install chromium-headless-shell. Elsewhere set CHROMIUM=/path/to/one.',
  );
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** A running browser; close it in the test's after hook. */
export function launch(args = []) {
  return chromium.launch({ executablePath: findChromium(), headless: true, args });
}

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/**
 * What breaks WCAG 2.2 AA on the page as it stands, a line per element, empty when nothing does. The script is
 * evaluated, not added as an element, so that it also runs under the console's strict content security policy.
 */
export async function accessibilityFaults(page) {
  await page.evaluate(axeSource);
  const { violations } = await page.evaluate(() =>
    globalThis.axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }),
  );
  return violations.flatMap(({ id, help, nodes }) => nodes.map((node) => `${id} at ${node.target.join(' ')}: ${help}`));
}
