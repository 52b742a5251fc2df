// Takes a picture of every page of the console in every state, light and dark, wide and narrow, into .dev/screens/. The
// pages come from test/preview, which needs no running product. Pictures are for people: nothing compares them.

import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { launch } from './browser.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const folder = join(root, '.dev', 'screens');

const states = [
  'new', 'failed', 'waiting', 'expired', 'checking', 'describe', 'proving', 'equal', 'differs', 'frozen', 'backagain', 'rebinding',
  'first', 'migrated', 'cleanup', 'closed', 'cancelled', 'rolledback', 'overdue', 'paused', 'given', 'throttled',
];
/** name: [who looks, address] */
const pages = {
  connectors: ['ana', '/connectors'],
  'connectors-done': ['ana', '/connectors?account=acc_wingtip'],
  'connectors-empty': ['tess', '/connectors'],
  connector: ['ana', '/connectors/con_int_retail'],
  'directory-sync': ['ana', '/directory-sync'],
  'directory-sync-stopped': ['ana', '/directory-sync/int_overdue'],
  integration: ['ana', '/directory-sync/int_migrated'],
  accounts: ['olga', '/accounts'],
  people: ['ana', '/people'],
  'people-view': ['leo', '/people'],
  operators: ['olga', '/operators'],
  temporal: ['olga', '/temporal'],
  'sign-in': ['nobody', '/connectors'],
  'not-found': ['ana', '/nothing-here'],
  ...Object.fromEntries(states.map((state) => [`migration-${state}`, ['ana', `/migrations/mig_${state}`]])),
};

const preview = spawn('go', ['run', './test/preview', '-addr', '127.0.0.1:0'], { cwd: root, detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
const [base] = await Promise.race([
  new Promise((resolve) => { createInterface({ input: preview.stdout }).once('line', (line) => resolve([line])); }),
  new Promise((_, reject) => { preview.once('exit', (code) => reject(new Error(`test/preview ended with ${code}`))); }),
]);
mkdirSync(folder, { recursive: true });
const browser = await launch();
try {
  for (const colorScheme of ['light', 'dark']) {
    for (const width of [1280, 360]) {
      const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme, reducedMotion: 'reduce' });
      const page = await context.newPage();
      for (const [name, [who, address]] of Object.entries(pages)) {
        await page.goto(`${base}/as/${who}`);
        await page.goto(base + address);
        await page.screenshot({ path: join(folder, `${name}-${colorScheme}-${width}.png`), fullPage: true });
      }
      await context.close();
    }
  }
  console.log(`${Object.keys(pages).length * 4} pictures in ${folder}`);
} finally {
  await browser.close();
  process.kill(-preview.pid, 'SIGINT'); // the go tool and the program it started
}
