// An operator enters the Temporal UI behind the proxy of production, reads a workflow in clear text, signs out of the
// console and is refused. test/door starts everything and runs this.

import assert from 'node:assert/strict';

import { launch } from './browser.mjs';
import { assertAccessible, atMicrosoft, open, patience, signIn } from './console.mjs';

const { CONSOLE: base, TEMPORAL_UI: ui, PROXY: proxy, OPERATOR: operator, CONSOLE_USER: customer } = process.env;
assert.ok(base && ui && proxy && operator && customer, 'run by: go test -tags browser ./test/door');

// The names lead to the proxy on this machine; addresses, origins and cookies are those of production.
const map = [base, ui].map((address) => `MAP ${new URL(address).host}:443 ${proxy}`).join(',');
const browser = await launch([`--host-resolver-rules=${map}`, '--disable-quic']);
const began = Date.now();
const step = (text) => console.log(`${((Date.now() - began) / 1000).toFixed(1)} s  ${text}`);

/** Asks the UI's host from a page of it, as the UI's code does. */
const ask = (page, path, method = 'GET') => page.evaluate(async ([address, how]) => {
  const answer = await fetch(address, { method: how, credentials: 'include', redirect: 'manual' });
  return { status: answer.status, text: await answer.text() };
}, [path, method]);

try {
  const page = await open(browser, { ignoreHTTPSErrors: true });
  const workflows = `${ui}/namespaces/default/workflows`;

  await page.goto(workflows);
  assert.equal(page.url(), `${base}/temporal?return=%2Fnamespaces%2Fdefault%2Fworkflows`, 'without a visit the UI leads to the console');
  step('not signed in: led to the console');
  await page.getByRole('link', { name: 'Sign in' }).click();
  await atMicrosoft(page, base, operator);
  const button = page.getByRole('button', { name: 'Open the Temporal UI' });
  await button.waitFor();
  await assertAccessible(page, 'the way to the Temporal UI');
  assert.deepEqual(page.wrongs, []);
  await button.click();
  await page.waitForURL((url) => url.href.startsWith(workflows), { timeout: patience });
  step('entered, at the page that was asked for');

  const cookies = await page.context().cookies(ui);
  const visit = cookies.find((cookie) => cookie.name === '__Host-consentry_temporal');
  assert.ok(visit?.httpOnly && visit.secure && visit.sameSite === 'Lax' && visit.path === '/', JSON.stringify(visit));
  assert.ok(!cookies.some((cookie) => cookie.name.includes('session')), 'no cookie of the console is here');
  assert.ok(!(await page.evaluate(() => document.cookie)).includes('consentry'), "the UI's code reads none of ours");

  const listed = await ask(page, `/api/v1/namespaces/default/workflows?query=${encodeURIComponent('WorkflowType = "MigrationWorkflow"')}`);
  assert.equal(listed.status, 200);
  const { workflowId, runId } = JSON.parse(listed.text).executions[0].execution;
  const decoded = page.waitForResponse((answer) => answer.url().startsWith(`${ui}/consentry-ui/codec/decode`), { timeout: patience });
  const described = page.waitForResponse((answer) => answer.url().includes('/query/'), { timeout: patience });
  await page.goto(`${workflows}/${encodeURIComponent(workflowId)}/${runId}/history`);
  assert.equal((await decoded).status(), 200);
  await page.getByText('attemptId').filter({ visible: true }).first().waitFor({ timeout: patience });
  assert.equal(await page.getByText('binary/encrypted').count(), 0, 'a payload is still encrypted');
  step(`${workflowId}: clear text`);
  assert.equal((await described).status(), 200, "the UI's questions pass the proxy");
  const policy = page.wrongs.filter((wrong) => /content security policy/i.test(wrong));
  assert.deepEqual(policy, [], 'what the proxy forbids the UI does not need');
  const write = await ask(page, `/api/v1/namespaces/default/workflows/${encodeURIComponent(workflowId)}/terminate`, 'POST');
  assert.equal(write.status, 405, 'write actions are off');

  // A page of the UI's host that does nothing by itself, to ask from when the UI itself is led away.
  const still = await page.context().newPage();
  await still.goto(`${ui}/favicon.ico`);
  assert.equal((await ask(still, '/api/v1/settings')).status, 200);
  const elsewhere = await page.context().newPage();
  await elsewhere.goto(`${base}/accounts`);
  await elsewhere.locator('[popovertarget="who-list"]').click();
  await elsewhere.getByRole('button', { name: 'Sign out' }).click();
  await elsewhere.waitForURL(`${base}/auth/signed-out`);
  assert.equal((await ask(still, '/api/v1/settings')).status, 401);
  assert.equal((await ask(still, '/consentry-ui/codec/decode', 'POST')).status, 401);
  await page.reload();
  assert.ok(page.url().startsWith(`${base}/temporal`), page.url());
  await page.getByRole('link', { name: 'Sign in' }).waitFor();
  step('signed out of the console: refused, and led back');
  await page.context().close();

  const other = await open(browser, { ignoreHTTPSErrors: true });
  await signIn(other, base, customer);
  const refused = await other.goto(ui);
  assert.equal(other.url(), `${base}/temporal`);
  assert.equal(refused.status(), 404, 'for a customer there is no such thing');
  step("a customer's administrator: refused");
} finally {
  await browser.close();
}
