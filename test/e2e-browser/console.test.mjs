// One customer's whole migration in a browser, against the running product, and once more without scripts. The journeys
// use up what they migrate, so they run in this order and once per product.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { launch } from './browser.mjs';
import { assertAccessible, atMicrosoft, forgetMicrosoft, open, patience, product, reloadUntil, signIn, watch } from './console.mjs';

const { base, first, second, operator } = product();

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

const heading = (page, name) => page.getByRole('heading', { level: 1, name, exact: true });

/** Puts something on the window that only a reload would lose. */
const stay = (page) => page.evaluate(() => { window.stayed = true; });
const stayed = (page) => page.evaluate(() => window.stayed === true);

test('a stranger sees where to sign in, and keeps the address', async () => {
  const page = await open(browser);
  const answer = await page.goto(`${base}/directory-sync`);
  assert.equal(answer.status(), 401);
  await assertAccessible(page, 'sign-in');
  await page.getByRole('link', { name: 'Sign in' }).click();
  await atMicrosoft(page, base, first.user);
  assert.equal(new URL(page.url()).pathname, '/directory-sync');
  await assertAccessible(page, 'directory synchronization');
  await page.goto(`${base}/connectors/con_unknown`);
  await assertAccessible(page, 'not found');
  await page.context().close();
});

test('"Actions needed" works by keyboard and leads to the migration', async () => {
  const page = await open(browser);
  await signIn(page, base, first.user);
  await assertAccessible(page, 'connectors');
  const button = page.getByRole('button', { name: /^Actions needed/ });
  await button.focus();
  await page.keyboard.press('Enter');
  const list = page.getByRole('dialog', { name: 'Actions needed' });
  await list.waitFor();
  await assertAccessible(page, 'actions needed');
  await page.keyboard.press('Escape');
  assert.equal(await button.evaluate((e) => e === document.activeElement), true, 'focus returns');
  await page.keyboard.press('Enter');
  await list.getByRole('link', { name: /^Migrate now/ }).click();
  await page.waitForURL(/\/connectors.*#m-/);
  await page.locator('#todo').getByRole('link', { name: /^Migrate now/ }).click();
  await heading(page, 'Sign in and consent at Microsoft').waitFor();
  await assertAccessible(page, 'consent');
  assert.deepEqual(page.wrongs, []);
  await page.context().close();
});

test('tabs share one event stream, and the next one takes over', async () => {
  const page = await open(browser);
  await signIn(page, base, first.user);
  await page.locator('#conn[data-state=up]').waitFor();
  const other = await page.context().newPage();
  let streams = 0;
  other.on('request', (request) => { if (new URL(request.url()).pathname === '/events') streams += 1; });
  await other.goto(`${base}/connectors`);
  await other.locator('#conn[data-state=up]').waitFor();
  assert.equal(streams, 0);
  const taken = other.waitForRequest((request) => new URL(request.url()).pathname === '/events');
  await page.close();
  await taken;
  await other.context().close();
});

test('a lost connection and a lost session are said, and nothing typed is lost', async () => {
  const page = await open(browser);
  await signIn(page, base, first.user);
  await page.route('**/events?*', (route) => route.abort());
  await page.locator('#todo').getByRole('link', { name: /^(Migrate now|Continue)/ }).first().click();
  await page.locator('#conn', { hasText: 'Reconnecting…' }).waitFor();
  await page.unroute('**/events?*');
  await page.locator('#conn[data-state=up]').waitFor({ timeout: patience });
  const description = page.getByRole('textbox', { name: 'Description' });
  await description.fill('half a thought');
  await page.context().clearCookies();
  // Coming back to the page from elsewhere asks it again.
  await page.evaluate(() => dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true })));
  await page.locator('#signed-out').waitFor();
  assert.equal(await description.inputValue(), 'half a thought');
  await assertAccessible(page, 'signed out');
  await page.context().close();
});

test('a migration from the first click to the receipt, live', async () => {
  const page = await open(browser);
  await signIn(page, base, first.user);
  const watcher = await page.context().newPage();
  const watcherWrongs = watch(watcher);
  await watcher.goto(`${base}/connectors`);
  await stay(watcher);
  await page.locator('#todo').getByRole('link', { name: /^(Migrate now|Continue)/ }).first().click();
  const self = page.url();
  const name = await page.getByRole('textbox', { name: 'Name' }).inputValue();

  // Half a thought stays where it is while the page follows what others do.
  const description = page.getByRole('textbox', { name: 'Description' });
  assert.equal(await description.inputValue(), '', 'the description begins empty');
  await description.pressSequentially('half a thou');
  await page.locator('#conn[data-state=up]').waitFor();
  const followed = page.waitForResponse((answer) => answer.url() === self && answer.request().resourceType() === 'fetch', { timeout: patience });
  const elsewhere = await page.context().newPage();
  await elsewhere.goto(`${base}/directory-sync`);
  await elsewhere.getByRole('button', { name: /^Synchronize now/ }).first().click();
  await followed;
  await elsewhere.close();
  await page.keyboard.type('ght');
  assert.equal(await description.inputValue(), 'half a thought');
  await description.fill('');

  // No: the permissions are not accepted.
  await page.getByRole('button', { name: 'Continue to Microsoft' }).click();
  await atMicrosoft(page, base, first.admin, 'cancel');
  await page.locator('#consent-failed').waitFor();
  await assertAccessible(page, 'consent failed');
  // Not enough: a Cloud Application Administrator is told which role is needed.
  await forgetMicrosoft(page);
  await page.getByRole('button', { name: 'Try again at Microsoft' }).click();
  await atMicrosoft(page, base, first.cloudAdmin);
  await page.locator('#consent-failed').getByText(/Global Administrator/).first().waitFor();
  // Yes.
  await forgetMicrosoft(page);
  await page.getByRole('button', { name: /^(Try again at Microsoft|Begin again)/ }).click();
  await atMicrosoft(page, base, first.admin);
  assert.equal(page.url(), self);
  await stay(page);
  await heading(page, 'Describe the connector').waitFor({ timeout: patience });

  // The description is mandatory, and its rules are said where they are broken.
  await page.getByRole('button', { name: 'Save and continue' }).click();
  await page.getByRole('alert').getByText('Enter a description').waitFor();
  assert.match(await page.title(), /^Error: /);
  assert.equal(await page.locator('#problem').evaluate((e) => e === document.activeElement), true, 'focus is on the summary');
  await assertAccessible(page, 'description refused');
  await page.getByRole('link', { name: 'Enter a description' }).click();
  assert.equal(await description.evaluate((e) => e === document.activeElement), true, 'the summary leads to the field');
  await description.fill(name.toUpperCase());
  await page.getByRole('button', { name: 'Save and continue' }).click();
  await page.getByRole('alert').getByText(/must say more than the name|must be 10 characters or more/).waitFor();
  await description.fill('x'.repeat(121));
  await page.getByText('You have 1 character too many').waitFor();
  await page.getByRole('button', { name: 'Use this suggestion' }).click();
  assert.match(await description.inputValue(), /^Users and groups of /);
  await description.fill('Corporate users and groups, production tenant');
  await page.getByRole('button', { name: 'Save and continue' }).click();
  await page.getByRole('heading', { level: 1, name: /^Check/ }).waitFor();
  await stay(page);

  // What changes is shown, then approved.
  await heading(page, 'Check what changes').waitFor({ timeout: patience });
  assert.equal(await stayed(page), true, 'the comparison arrived by itself');
  await page.getByRole('region', { name: 'Comparison in numbers' }).getByRole('row', { name: /^Users/ }).waitFor();
  await assertAccessible(page, 'what changes');
  await page.getByText('Not like this').click();
  await page.getByRole('button', { name: 'Refuse these changes' }).click();
  await page.getByRole('alert').getByText('Enter a reason').waitFor();
  const looked = page.getByRole('checkbox', { name: 'I have looked at the differences' });
  if (await looked.count()) await looked.check();
  await page.getByRole('button', { name: 'Migrate now' }).click();
  await page.waitForLoadState();
  await stay(page);
  await page.getByRole('heading', { name: /is migrated$/ }).waitFor({ timeout: patience });
  assert.equal(await stayed(page), true, '"migrated" arrived by itself');

  // The receipt says what to remove; the task is gone everywhere.
  await assertAccessible(page, 'receipt');
  await page.locator('#clean-up').getByText('Application id', { exact: true }).waitFor();
  assert.equal(await page.getByRole('button', { name: /^Actions needed/ }).count(), 0);
  await watcher.locator('#todo').waitFor({ state: 'detached', timeout: patience });
  await watcher.locator('#connected tbody tr').first().waitFor();
  assert.equal(await stayed(watcher), true, 'the list of things to do went away by itself');
  assert.deepEqual(watcherWrongs, []);
  await page.getByRole('button', { name: 'I have removed it' }).click();
  await page.getByRole('alert').getByText(/Tick the box/).waitFor();
  assert.deepEqual(page.wrongs, []);
  await page.context().close();
});

test('the connector and its synchronization afterwards', async () => {
  const page = await open(browser);
  await signIn(page, base, first.user);
  await page.locator('#connected').getByRole('link').first().click();
  await page.getByText('User.Read.All').waitFor();
  await assertAccessible(page, 'connector');
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Directory synchronization' }).click();
  const card = page.locator('article').first();
  await card.getByText('Connector, certificate replaced every day').waitFor();
  await card.getByRole('link', { name: /^History and settings/ }).click();
  await page.getByRole('row', { name: /First through the connector/ }).waitFor();
  await assertAccessible(page, 'integration');
  // Once asked for, a second time is refused with the time from which it may be asked again.
  await page.getByRole('button', { name: /^Synchronize now/ }).click();
  await page.getByRole('alert').or(page.getByRole('row', { name: /Requested/ })).first().waitFor({ timeout: patience });
  if (!(await page.getByRole('alert').count())) {
    await page.getByRole('button', { name: /^Synchronize now/ }).click();
  }
  await page.getByRole('alert').getByText('There is a problem').waitFor();
  await assertAccessible(page, 'synchronize now refused');
  assert.deepEqual(page.wrongs, []);
  await page.context().close();
});

test('a whole migration without scripts', async () => {
  const page = await open(browser, { javaScriptEnabled: false });
  await signIn(page, base, second.user);
  await page.locator('#todo').getByRole('link', { name: /^Migrate now/ }).click();
  // The description first, so that the administrator's consent is the last human step.
  await page.getByRole('textbox', { name: 'Description' }).fill('Staff of every plant, production tenant');
  await page.getByLabel('Go on by itself if nothing changes').check();
  await page.getByRole('button', { name: 'Save for later' }).click();
  await page.getByRole('heading', { name: 'Description given' }).waitFor();
  await page.getByRole('button', { name: 'Continue to Microsoft' }).click();
  await atMicrosoft(page, base, second.admin, 'cancel');
  await page.locator('#consent-failed').waitFor();
  await page.getByRole('button', { name: 'Try again at Microsoft' }).click();
  await atMicrosoft(page, base, second.admin);
  const done = page.getByRole('heading', { name: /is migrated$/ });
  const differs = page.getByRole('checkbox', { name: 'I have looked at the differences' });
  await reloadUntil(page, done.or(differs));
  if (await differs.count()) {
    await differs.check();
    await page.getByRole('button', { name: 'Migrate now' }).click();
    await reloadUntil(page, done);
  }
  await page.goto(`${base}/connectors`);
  assert.equal(await page.locator('#todo').count(), 0);
  assert.equal(await page.getByText('Live', { exact: true }).count(), 0, 'nothing claims to be live');
  await page.context().close();
});

test('an operator looks at any account and decides nothing there', async () => {
  const page = await open(browser);
  await signIn(page, base, operator);
  await heading(page, 'Accounts').waitFor();
  await assertAccessible(page, 'accounts');
  await page.getByRole('link', { name: /^Open/ }).first().click();
  await heading(page, 'Connectors').waitFor();
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Directory synchronization' }).click();
  await heading(page, 'Directory synchronization').waitFor();
  assert.equal(await page.locator('main form').count(), 0);
  assert.deepEqual(page.wrongs, []);
  await page.context().close();
});

test('somebody is invited, comes in, and is sent away; a token works until it is ended', async () => {
  const page = await open(browser);
  await signIn(page, base, first.user, '/people');
  await heading(page, 'People and tokens').waitFor();
  await assertAccessible(page, 'people');
  await page.getByLabel('What the person is called here').fill('Olga from the vendor');
  await page.getByRole('button', { name: 'Make the invitation link' }).click();
  const link = await page.locator('#once code').innerText();
  await assertAccessible(page, 'invitation link');
  await stay(page);
  const olga = await open(browser);
  await olga.goto(link);
  await olga.getByRole('link', { name: 'Sign in and accept' }).click();
  await atMicrosoft(olga, base, operator);
  await heading(olga, 'Connectors').waitFor();
  const row = page.locator('#people tbody tr').filter({ hasNot: page.locator('.badge', { hasText: 'You' }) });
  await row.waitFor({ timeout: patience });
  assert.equal(await stayed(page), true, 'who came in is there by itself');
  await row.locator('summary').click();
  await row.getByRole('checkbox').check();
  await row.getByRole('button', { name: /^Remove/ }).click();
  await row.waitFor({ state: 'detached' });
  assert.equal((await olga.goto(`${base}/connectors`)).status(), 401, 'the session ended with the role');
  assert.equal((await olga.goto(link)).status(), 410, 'the link is good once');

  await page.getByLabel('What it is for').fill('journey');
  await page.getByRole('button', { name: 'Issue the token' }).click();
  const headers = { Authorization: `Bearer ${await page.locator('#once code').innerText()}` };
  const me = () => fetch(`${base}/api/v1/me`, { headers }).then((answer) => answer.status);
  assert.equal(await me(), 200);
  const token = page.locator('#tokens tbody tr');
  await token.locator('summary').click();
  await token.getByRole('checkbox').check();
  await token.getByRole('button', { name: /^End the token/ }).click();
  await token.waitFor({ state: 'detached' });
  assert.equal(await me(), 401);
  assert.deepEqual(page.wrongs, []);
  await olga.context().close();
  await page.context().close();
});
