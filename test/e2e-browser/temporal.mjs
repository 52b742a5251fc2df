// Takes pictures of the Temporal UI as an operator sees it, into docs/screens/, against the running product: the list
// with our search attributes, a migration, a rotation and a synchronization, with their payloads decrypted. The pictures
// show that the codec endpoint works, so the run fails when a payload stays encrypted.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { launch } from './browser.mjs';
import { atMicrosoft, open, patience, product, signIn } from './console.mjs';

const { base, first, operator } = product();
const ui = process.env.TEMPORAL_UI?.replace(/\/$/, '');
assert.ok(ui, 'TEMPORAL_UI is not set: run bin/consentry-dev with -- npm --prefix test/e2e-browser run screens');
const folder = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'docs', 'screens');
const workflows = `${ui}/namespaces/default/workflows`;

/** Columns of the list, in the UI's own form. */
const columns = ['Status', 'MigrationPhase', 'NeedsPerson', 'Overdue', 'DeadlineArmed', 'Region', 'Workflow ID', 'Type'];

/** Calls the API with the session of a page. */
async function api(page, method, path, data) {
  const answer = await page.request.fetch(`${base}/api/v1${path}`, { method, data });
  assert.ok(answer.ok(), `${method} ${path}: ${answer.status()} ${await answer.text()}`);
  return answer.json();
}

async function until(what, ask) {
  const end = Date.now() + patience;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    assert.ok(Date.now() < end, `${what} did not come in time`);
    await new Promise((resolve) => { setTimeout(resolve, 300); });
  }
}

/** Brings the first customer's migration to where somebody has to approve. */
async function migrate(browser) {
  const page = await open(browser);
  await signIn(page, base, first.user);
  const { items } = await api(page, 'GET', '/migrations');
  const { id } = items[0];
  const { startUrl } = await api(page, 'POST', `/migrations/${id}/consent-sessions`);
  await page.goto(startUrl);
  await atMicrosoft(page, base, first.admin);
  const phase = (name) => until(name, async () => (await api(page, 'GET', `/migrations/${id}`)).phase === name);
  await phase('AwaitingDescription');
  await api(page, 'POST', `/migrations/${id}/decisions`, { kind: 'describe', description: 'Employees and groups, read for mail security' });
  await phase('AwaitingApproval');
  const { integrationId } = await api(page, 'GET', `/migrations/${id}`);
  await page.context().close();
  return { id, integrationId };
}

/** Address of the latest run of the workflow whose id begins so. */
async function run(page, id) {
  const query = encodeURIComponent(`WorkflowId STARTS_WITH "${id}"`);
  const found = await until(id, async () => {
    const answer = await page.request.get(`${ui}/api/v1/namespaces/default/workflows?query=${query}`);
    return (await answer.json()).executions?.[0]?.execution;
  });
  return `${workflows}/${encodeURIComponent(found.workflowId)}/${found.runId}/history`;
}

/** Opens a tab of a workflow's page, waits until it shows what it loads, and takes its picture. */
async function shoot(page, name, address, tab, ...shown) {
  await page.goto(address);
  if (tab) await page.getByText(tab, { exact: true }).filter({ visible: true }).first().click({ timeout: patience });
  for (const text of shown) await page.getByText(text).filter({ visible: true }).first().waitFor({ timeout: patience });
  await page.waitForTimeout(4000); // details are a frame of their own, and ask a worker first
  await page.screenshot({ path: join(folder, `${name}.png`) });
  assert.equal(await page.getByText('binary/encrypted').count(), 0, `${name} shows a payload that is still encrypted`);
}

mkdirSync(folder, { recursive: true });
const browser = await launch();
try {
  const page = await open(browser, { viewport: { width: 1500, height: 860 }, colorScheme: 'light', timezoneId: 'UTC' });
  await signIn(page, base, operator);
  const { items: cells } = await api(page, 'GET', '/cells');
  await api(page, 'POST', `/cells/${cells[0].id}/rotations`);
  const migration = await migrate(browser);

  // The columns that an operator chooses once, by "Configure columns".
  await page.goto(workflows);
  await page.evaluate((labels) => {
    localStorage.setItem('namespace-workflow-table-columns', JSON.stringify({ default: labels.map((label) => ({ label })) }));
  }, columns);
  const migrations = `migration/${migration.integrationId}`;
  const list = `${workflows}?query=${encodeURIComponent('WorkflowType != "SweepWorkflow"')}`;
  await shoot(page, 'temporal-list', list, '', 'AwaitingApproval', 'NeedsPerson');
  const moving = await run(page, `migration/${migration.integrationId}`);
  await shoot(page, 'temporal-migration', moving, 'User Metadata', 'Current Details');
  await shoot(page, 'temporal-migration-history', moving, '', 'attemptId');
  const rotating = await run(page, `certificate-rotation/${cells[0].id}-`);
  await shoot(page, 'temporal-rotation', rotating, 'User Metadata', 'Current Details');
  const reading = await run(page, `directory-sync/${migration.integrationId}/${migration.id}/shadow`);
  await shoot(page, 'temporal-sync', reading, 'User Metadata', 'Current Details');
  console.log(`pictures of the Temporal UI in ${folder}`);
} finally {
  await browser.close();
}
