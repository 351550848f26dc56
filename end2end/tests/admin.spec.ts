// The administration pages, as an owner uses them, and as everybody else finds them.
import type { Page } from '@playwright/test';

import { administers, clean, dialog, expect, fits, goes, misfits, notice, OWNER, test } from './administration';
import { ERP, fresh, URL_BASE } from './people';

const SECTIONS = ['members', 'roles', 'policy', 'explain', 'moderation', 'words', 'abuse', 'audit'] as const;

const member = (page: Page, name: string) => page.getByTestId('member').filter({ hasText: name });
const editor = (page: Page) => page.getByRole('textbox', { name: 'Policy document' });

test('who is signed out signs in and comes to where they wanted', async ({ browser }) => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${URL_BASE}/admin/policy`);
  await page.getByLabel('E-mail').fill(OWNER);
  await page.getByLabel('Password').fill('postil-dev-password');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL((url) => url.pathname === '/admin/policy');
  await expect(page.getByRole('heading', { level: 1, name: 'Policy' })).toBeVisible();
  await context.close();
});

test('who administers nothing is told so, and who administers members finds no policy', async ({ people }) => {
  const tomasz = await people.atDesk('tomasz.nowak@nordwerk.example');
  for (const section of SECTIONS) {
    const answer = await tomasz.page.goto(`${URL_BASE}/admin/${section}`);
    expect(answer!.status()).toBe(403);
    await expect(tomasz.page.getByRole('heading', { level: 1 })).toHaveText('This is not open to you');
    await expect(tomasz.page.getByRole('navigation', { name: 'Administration' })).toHaveCount(0);
  }
  await clean(tomasz.page, 'refused');
  const jonas = await people.atDesk('jonas.brandt@nordwerk.example');
  const refused = await jonas.page.goto(`${URL_BASE}/admin/policy`);
  expect(refused!.status()).toBe(403);
  await jonas.page.getByRole('main').getByRole('link', { name: 'Members' }).click();
  await expect(member(jonas.page, 'Katrin Vogel')).toBeVisible();
  await expect(jonas.page.getByRole('link', { name: 'Policy' })).toHaveCount(0);
});

test('members are found, changed and changed back', async ({ people }) => {
  const katrin = await administers(people, 'members');
  const { page } = katrin;
  await expect(member(page, 'Tomasz Nowak')).toContainText('Production');
  await page.getByRole('searchbox', { name: 'Search members' }).fill('tom');
  await expect(page.getByTestId('member')).toHaveCount(1);
  for (const [from, to] of [['Production', 'Finance'], ['Finance', 'Production']]) {
    await expect(member(page, 'Tomasz Nowak')).toContainText(from);
    await page.getByRole('button', { name: 'Change Tomasz Nowak' }).click();
    await dialog(page).getByLabel('Department').selectOption(to);
    await dialog(page).getByRole('button', { name: 'Save' }).click();
    await expect(notice(page)).toContainText('Tomasz Nowak is changed');
    await expect(member(page, 'Tomasz Nowak')).toContainText(to);
  }
  await page.getByRole('searchbox', { name: 'Search members' }).fill('nobody of that name');
  await expect(page.getByRole('heading', { name: 'Nobody fits' })).toBeVisible();
  katrin.noComplaints();
});

test('a member is deactivated after a question, and reactivated', async ({ people }) => {
  const katrin = await administers(people, 'members');
  const { page } = katrin;
  await page.getByRole('button', { name: 'Deactivate Marco Conti' }).click();
  await expect(dialog(page)).toContainText('What they wrote stays');
  await dialog(page).getByRole('button', { name: 'Cancel' }).click();
  await expect(dialog(page)).toHaveCount(0);
  await page.getByRole('button', { name: 'Deactivate Marco Conti' }).click();
  await dialog(page).getByRole('button', { name: 'Deactivate' }).click();
  await expect(notice(page)).toContainText('Marco Conti is deactivated');
  await expect(member(page, 'Marco Conti')).toContainText('Deactivated');
  await page.getByRole('button', { name: 'Reactivate Marco Conti' }).click();
  await dialog(page).getByRole('button', { name: 'Reactivate' }).click();
  await expect(notice(page)).toContainText('Marco Conti is active again');
  katrin.noComplaints();
});

test('the last owner stays, and is told why', async ({ people }) => {
  const katrin = await administers(people, 'members');
  await katrin.page.getByRole('button', { name: 'Deactivate Katrin Vogel' }).click();
  await dialog(katrin.page).getByRole('button', { name: 'Deactivate' }).click();
  await expect(dialog(katrin.page).getByRole('alert')).toContainText('The last owner stays');
});

test('a change from an old version is refused as such', async ({ people }) => {
  const katrin = await administers(people, 'members');
  const other = await administers(people, 'members');
  for (const [reader, to] of [[katrin, 'Finance'], [other, 'IT']] as const) {
    await reader.page.getByRole('button', { name: 'Change Tomasz Nowak' }).click();
    await dialog(reader.page).getByLabel('Department').selectOption(to);
    await dialog(reader.page).getByRole('button', { name: 'Save' }).click();
    if (reader === katrin) await expect(notice(reader.page)).toContainText('is changed');
  }
  await expect(dialog(other.page).getByRole('alert')).toContainText('Somebody changed this meanwhile');
  await katrin.page.getByRole('button', { name: 'Change Tomasz Nowak' }).click();
  await dialog(katrin.page).getByLabel('Department').selectOption('Production');
  await dialog(katrin.page).getByRole('button', { name: 'Save' }).click();
  await expect(member(katrin.page, 'Tomasz Nowak')).toContainText('Production');
});

test('an invitation is refused at its field, made, accepted, and opens the company', async ({ people, browser }) => {
  const katrin = await administers(people, 'members');
  const { page } = katrin;
  const email = `${fresh('nina').replace(/\W/g, '')}@nordwerk.example`;
  await page.getByRole('button', { name: 'Invite', exact: true }).click();
  await dialog(page).getByLabel('E-mail').fill('not an address');
  await dialog(page).getByLabel('Name').fill('Nina Test');
  await dialog(page).getByRole('button', { name: 'Make the link' }).click();
  await expect(dialog(page).getByLabel('E-mail')).toHaveAttribute('aria-invalid', 'true');
  await expect(dialog(page).getByLabel('E-mail')).toBeFocused();
  await clean(page, 'refused field');
  await dialog(page).getByLabel('E-mail').fill(email);
  await dialog(page).getByRole('button', { name: 'Make the link' }).click();
  const link = await dialog(page).getByTestId('invitation-link').inputValue();
  await dialog(page).getByRole('button', { name: 'Done' }).click();
  await expect(page.getByTestId('invitation').filter({ hasText: email })).toBeVisible();

  const context = await browser.newContext();
  const guest = await context.newPage();
  await guest.goto(`${URL_BASE}/invitation${new URL(link).hash}`);
  await clean(guest, 'invitation');
  await guest.getByLabel('Your name').fill('Nina Test');
  await guest.getByLabel('Password').fill('short');
  await guest.getByRole('button', { name: 'Accept and sign in' }).click();
  await expect(guest.getByRole('alert')).toContainText('Password');
  await guest.getByLabel('Password').fill('long enough to be one');
  await guest.getByRole('button', { name: 'Accept and sign in' }).click();
  await guest.waitForURL('**/messages');
  await expect(guest.getByTestId('company')).toContainText('Nordwerk Industries');
  // The link is good once.
  const again = await context.newPage();
  await again.goto(`${URL_BASE}/invitation${new URL(link).hash}`);
  await again.getByLabel('Your name').fill('Nina Test');
  await again.getByLabel('Password').fill('long enough to be one');
  await again.getByRole('button', { name: 'Accept and sign in' }).click();
  await expect(again.getByRole('alert')).toContainText("can't be accepted");
  await context.close();

  await goes(katrin, 'members');
  await page.getByRole('searchbox', { name: 'Search members' }).fill(email);
  await expect(page.getByTestId('member')).toHaveCount(1);
  await page.getByRole('button', { name: 'Deactivate Nina Test' }).click();
  await dialog(page).getByRole('button', { name: 'Deactivate' }).click();
  await expect(notice(page)).toContainText('Nina Test is deactivated');
});

test('an invitation is withdrawn', async ({ people }) => {
  const katrin = await administers(people, 'members');
  const { page } = katrin;
  const email = `${fresh('gone').replace(/\W/g, '')}@nordwerk.example`;
  await page.getByRole('button', { name: 'Invite', exact: true }).click();
  await dialog(page).getByLabel('E-mail').fill(email);
  await dialog(page).getByLabel('Name').fill('Soon Gone');
  await dialog(page).getByRole('button', { name: 'Make the link' }).click();
  await dialog(page).getByRole('button', { name: 'Done' }).click();
  const row = page.getByTestId('invitation').filter({ hasText: email });
  await row.getByRole('button', { name: /^Withdraw/ }).click();
  await dialog(page).getByRole('button', { name: 'Withdraw' }).click();
  await expect(row).toHaveCount(0);
  katrin.noComplaints();
});

test('a role is made like another, renamed and deleted', async ({ people }) => {
  const katrin = await administers(people, 'roles');
  const { page } = katrin;
  const key = fresh('auditor').replace(/\W/g, '');
  await page.getByRole('button', { name: 'New role' }).click();
  await dialog(page).getByLabel('Name').fill('Auditor');
  await dialog(page).getByLabel('Key').fill('Not a key');
  await dialog(page).getByRole('button', { name: 'Make the role' }).click();
  await expect(dialog(page).getByLabel('Key')).toHaveAttribute('aria-invalid', 'true');
  await dialog(page).getByLabel('Key').fill(key);
  await dialog(page).getByLabel('May do').selectOption('What Staff may');
  await dialog(page).getByRole('button', { name: 'Make the role' }).click();
  await expect(notice(page)).toContainText('The role Auditor is made');
  const row = page.getByTestId('role').filter({ hasText: key });
  await expect(row).toContainText('0 members');
  await expect(row).not.toContainText('0 rules');
  await row.getByRole('button', { name: 'Rename Auditor' }).click();
  await dialog(page).getByLabel('Name').fill('Reviewer');
  await dialog(page).getByRole('button', { name: 'Rename' }).click();
  await expect(row).toContainText('Reviewer');
  await row.getByRole('button', { name: 'Delete Reviewer' }).click();
  await dialog(page).getByRole('button', { name: 'Delete' }).click();
  await expect(row).toHaveCount(0);
  await page.getByRole('button', { name: 'Who is Staff?' }).click();
  await expect(dialog(page)).toContainText('Tomasz Nowak');
  await dialog(page).getByRole('button', { name: 'Close' }).first().click();
  await page.getByRole('button', { name: 'Delete Staff' }).click();
  await expect(dialog(page)).toContainText('nobody may be left without one');
  katrin.noComplaints();
});

test('a policy is tried, saved, found in the history and restored', async ({ people }) => {
  const katrin = await administers(people, 'policy');
  const { page } = katrin;
  await expect(editor(page)).not.toHaveValue('');
  const before = await editor(page).inputValue();
  const version = Number(/Version (\d+)/.exec(await page.locator('.editor-version').innerText())![1]);
  const id = fresh('e2e').replace(/\W/g, '');
  const rule = `{"id": "${id}", "effect": "deny", "roles": ["staff"], "actions": ["message:edit"], "scope": {"type": "company"}},`;
  const changed = before.replace('"rules": [', `"rules": [\n${rule}`);
  expect(changed).not.toBe(before);

  // What is wrong is told at its line: no JSON, no document, no right.
  await editor(page).fill(before.replace('"rules": [', '"rules": [ oh'));
  await page.getByRole('button', { name: 'Try' }).click();
  await expect(page.locator('.editor-problems')).toContainText('This is not JSON');
  await editor(page).fill(changed.replace('"staff"]', '"stuff"]'));
  await page.getByRole('button', { name: 'Try' }).click();
  await expect(page.locator('.editor-problems')).toContainText('rules[0].roles');
  const line = changed.split('\n').findIndex((one) => one.includes(id)) + 1;
  await page.locator('.editor-problems').getByRole('button', { name: `Line ${line}` }).click();
  await expect(editor(page)).toBeFocused();
  expect(await editor(page).evaluate((area: HTMLTextAreaElement) => area.value.slice(area.selectionStart, area.selectionEnd))).toContain(id);
  await clean(page, 'problems');

  await editor(page).fill(changed);
  await page.getByRole('button', { name: 'Try' }).click();
  const trial = page.getByTestId('trial');
  await expect(trial).toContainText('Tomasz Nowak');
  await expect(trial).toContainText('loses');
  await expect(trial).toContainText('Edit own messages');
  await clean(page, 'tried');

  await page.getByRole('button', { name: 'Save…' }).click();
  await expect(dialog(page)).toContainText('Tried:');
  await dialog(page).getByRole('button', { name: 'Save' }).click();
  await expect(dialog(page).getByLabel('Why')).toHaveAttribute('aria-invalid', 'true');
  await dialog(page).getByLabel('Why').fill(`No edits by staff ${id}`);
  await dialog(page).getByRole('button', { name: 'Save' }).click();
  await expect(notice(page)).toContainText(`Version ${version + 1} is in force`);

  await page.getByRole('button', { name: 'Matrix' }).click();
  await expect(page.getByTestId('matrix').getByRole('row', { name: /^Edit own messages/ })).toContainText('never everything');
  await clean(page, 'matrix');

  await page.getByRole('button', { name: 'History' }).click();
  const saved = page.getByTestId('version').filter({ hasText: id });
  await expect(saved).toContainText('In force');
  await expect(saved).toContainText('Katrin Vogel');
  await page.getByRole('button', { name: `View version ${version}`, exact: true }).click();
  await expect(dialog(page).getByTestId('diff')).toContainText(id);
  await clean(page, 'an older version');
  await dialog(page).getByRole('button', { name: 'Restore' }).click();
  await expect(notice(page)).toContainText(`Version ${version + 2} is in force`);
  await page.getByRole('button', { name: 'Document' }).click();
  expect(await editor(page).inputValue()).toBe(before);
  katrin.noComplaints();
});

test('who saves over somebody else is told, and loses nothing', async ({ people }) => {
  const katrin = await administers(people, 'policy');
  const other = await administers(people, 'roles');
  const key = fresh('passing').replace(/\W/g, '');
  await other.page.getByRole('button', { name: 'New role' }).click();
  await dialog(other.page).getByLabel('Name').fill('Passing');
  await dialog(other.page).getByLabel('Key').fill(key);
  await dialog(other.page).getByRole('button', { name: 'Make the role' }).click();
  await expect(notice(other.page)).toContainText('is made');

  const { page } = katrin;
  const mine = `${await editor(page).inputValue()}\n`;
  await editor(page).fill(mine);
  await page.getByRole('button', { name: 'Save…' }).click();
  await dialog(page).getByLabel('Why').fill('Mine');
  await dialog(page).getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('alert')).toContainText('Somebody saved another version meanwhile');
  expect(await editor(page).inputValue()).toBe(mine);
  await page.getByRole('button', { name: 'Compare my text with it' }).click();
  await page.getByText('What you changed').click();
  await expect(page.getByTestId('diff')).toContainText(key);
  await page.getByRole('button', { name: 'Discard' }).click();

  const row = other.page.getByTestId('role').filter({ hasText: key });
  await row.getByRole('button', { name: 'Delete Passing' }).click();
  await dialog(other.page).getByRole('button', { name: 'Delete' }).click();
  await expect(row).toHaveCount(0);
});

test('why somebody can see a record, and why somebody else can not', async ({ people }) => {
  const katrin = await administers(people, 'members');
  const { page } = katrin;
  await page.getByRole('link', { name: 'Why can Marco Conti see something?' }).click();
  await katrin.isAwake();
  await expect(page.getByTestId('explain-person')).toContainText('Marco Conti');
  await page.getByLabel('About', { exact: true }).selectOption('A plan');
  await page.getByLabel('Action').selectOption({ value: 'thread:read' });
  await page.getByLabel('Record').fill('PLAN-L4-W49');
  await page.getByRole('button', { name: 'Ask', exact: true }).click();
  const verdict = page.getByTestId('verdict');
  await expect(verdict).toContainText('No: Marco Conti');
  await expect(verdict).toContainText('external-no-plans');
  await clean(page, 'no');
  await page.getByRole('button', { name: 'Ask about somebody else' }).click();
  await page.getByLabel('Person').fill('tomasz');
  await page.getByRole('button', { name: /Tomasz Nowak/ }).click();
  await page.getByRole('button', { name: 'Ask', exact: true }).click();
  await expect(verdict).toContainText('Yes: Tomasz Nowak');
  // A moment before the company's history: nobody can say.
  await page.getByLabel('As of').fill('2001-01-01T10:00');
  await page.getByRole('button', { name: 'Ask', exact: true }).click();
  await expect(page.getByRole('alert')).toContainText('history');
  // What is not a message's id is told at its field.
  await page.getByLabel('About', { exact: true }).selectOption('A message');
  await page.getByLabel('Message', { exact: true }).fill('nothing');
  await page.getByRole('button', { name: 'Ask', exact: true }).click();
  await expect(page.getByLabel('Message', { exact: true })).toHaveAttribute('aria-invalid', 'true');
  katrin.noComplaints();
});

test('the audit log is read, by what and by whom', async ({ people }) => {
  const katrin = await administers(people, 'audit');
  const { page } = katrin;
  await expect(page.getByTestId('chain')).toContainText(/\d+ entries/);
  await page.getByLabel('What', { exact: true }).selectOption('Sign-in');
  await expect(page.getByTestId('entry').first()).toContainText('session.sign_in');
  await expect(page.getByTestId('entry').filter({ hasNotText: 'session.sign_in' })).toHaveCount(0);
  await page.getByRole('button', { name: 'Only what Katrin Vogel did' }).first().click();
  await expect(page.getByTestId('entry').filter({ hasNotText: 'Katrin Vogel' })).toHaveCount(0);
  await page.getByTestId('entry').first().getByText(/^No\. \d+/).click();
  await expect(page.getByTestId('entry').first()).toContainText(/[0-9a-f]{64}/);
  await page.getByLabel('By whom', { exact: true }).fill('katrin');
  await page.getByRole('button', { name: 'Show' }).click();
  await expect(page.getByLabel('By whom', { exact: true })).toHaveAttribute('aria-invalid', 'true');
  katrin.noComplaints();
});

for (const colorScheme of ['light', 'dark'] as const) {
  test(`axe finds nothing on any page, ${colorScheme}`, async ({ people }) => {
    const katrin = await people.atDesk(OWNER, { colorScheme });
    for (const section of SECTIONS) {
      await goes(katrin, section);
      await clean(katrin.page, section);
    }
    katrin.noComplaints();
  });
}

test('at 360 px nothing is cut off, from left to right and from right to left', async ({ people }) => {
  const katrin = await people.atDesk(OWNER, { viewport: { width: 360, height: 740 } });
  const { page } = katrin;
  for (const section of SECTIONS) {
    await goes(katrin, section);
    await fits(page, section);
  }
  await goes(katrin, 'policy');
  for (const tab of ['Matrix', 'History']) {
    await page.getByRole('button', { name: tab }).click();
    await fits(page, tab);
  }
  await goes(katrin, 'members');
  await page.getByRole('button', { name: 'Change Tomasz Nowak' }).click();
  await fits(page, 'a dialog');
});

test('what does not fit is found', async ({ people }) => {
  const katrin = await administers(people, 'members', { viewport: { width: 360, height: 740 } });
  const { page } = katrin;
  expect(await misfits(page)).toEqual([]);
  const shift = (css: string) => page.evaluate((css) => {
    const button = document.querySelector<HTMLElement>('[data-testid="member"] button')!;
    button.style.cssText = css;
  }, css);
  for (const [css, says] of [
    ['position: relative; inset-inline-start: 400px', /stands out of li/],
    ['inline-size: 12px; overflow: hidden; white-space: nowrap', /holds more than it shows/],
    ['margin-inline-end: -60px; position: relative', /lies over/],
  ] as const) {
    await shift(css);
    expect((await misfits(page)).join(), css).toMatch(says);
  }
  await shift('');
  expect(await misfits(page)).toEqual([]);
});

test('an entry that is open stays open, and no other opens in its place', async ({ people }) => {
  const katrin = await administers(people, 'audit');
  const { page } = katrin;
  const open = page.locator('details[open]');
  const entry = page.getByTestId('entry').first();
  await entry.locator('summary').click();
  await expect(open).toHaveCount(1);
  // Another question: the entry is not among the answers, and whatever stands in its place is closed.
  await page.getByLabel('What', { exact: true }).selectOption('Sign-out');
  await expect(page.getByTestId('entry').filter({ hasNotText: 'session.sign_out' })).toHaveCount(0);
  await expect(open).toHaveCount(0);
  await page.getByLabel('What', { exact: true }).selectOption('Sign-in');
  await expect(page.getByTestId('entry').first()).toContainText('session.sign_in');
  const third = page.getByTestId('entry').nth(2);
  const name = await third.locator('summary').innerText();
  await third.locator('summary').click();
  // More above it: the same entry is open still.
  await people.atDesk('tomasz.nowak@nordwerk.example');
  await page.getByRole('button', { name: 'Show' }).click();
  await expect(page.getByTestId('entry').nth(2).locator('summary')).not.toHaveText(name);
  await expect(open).toHaveCount(1);
  await expect(open.locator('summary')).toHaveText(name);
  katrin.noComplaints();
});

test('every kind of entry can be looked for', async ({ people }) => {
  const katrin = await administers(people, 'audit');
  const offered = await katrin.page.getByLabel('What', { exact: true }).locator('option').evaluateAll((all) => all.map((one) => (one as HTMLOptionElement).value));
  const document = await (await katrin.page.request.get(`${URL_BASE}/api/v1/openapi.json`)).json();
  const actions = document.components.schemas.AuditAction.oneOf.map((one: { const: string }) => one.const);
  expect(offered).toEqual(['', ...actions]);
  expect(actions).toContain('department.create');
});

test('a link that the browser does not copy is said to be there, and selected', async ({ people }) => {
  const katrin = await administers(people, 'members');
  const { page } = katrin;
  const invites = async () => {
    await page.getByRole('button', { name: 'Invite', exact: true }).click();
    await dialog(page).getByLabel('E-mail').fill(`${fresh('copy').replace(/\W/g, '')}@nordwerk.example`);
    await dialog(page).getByLabel('Name').fill('Copied Link');
    await dialog(page).getByRole('button', { name: 'Make the link' }).click();
    await expect(dialog(page).getByTestId('invitation-link')).not.toHaveValue('');
  };
  // Refused, as a browser refuses; then not there at all, as outside a secure context.
  for (const clipboard of ['refuses', 'is not there'] as const) {
    await page.evaluate((clipboard) => {
      const value = clipboard === 'refuses' ? { writeText: () => Promise.reject(new DOMException('no', 'NotAllowedError')) } : undefined;
      Object.defineProperty(navigator, 'clipboard', { configurable: true, value });
    }, clipboard);
    await invites();
    await dialog(page).getByRole('button', { name: 'Copy the link' }).click();
    await expect(dialog(page).getByRole('status'), clipboard).toContainText('copy it yourself');
    const link = dialog(page).getByTestId('invitation-link');
    await expect(link).toBeFocused();
    expect(await link.evaluate((field: HTMLInputElement) => field.value.slice(field.selectionStart!, field.selectionEnd!))).toBe(await link.inputValue());
    await dialog(page).getByRole('button', { name: 'Done' }).click();
  }
  // And where it is allowed, it is there.
  await page.evaluate(() => Reflect.deleteProperty(navigator, 'clipboard'));
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write'], { origin: URL_BASE });
  await invites();
  await dialog(page).getByRole('button', { name: 'Copy the link' }).click();
  await expect(dialog(page).getByRole('status')).toHaveText('Copied');
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(await dialog(page).getByTestId('invitation-link').inputValue());
  katrin.noComplaints();
});

test('who administers finds the way to it from the page and from the widget in an ERP', async ({ people }) => {
  const katrin = await people.atDesk(OWNER);
  await katrin.page.getByRole('link', { name: 'Administration' }).click();
  await katrin.page.waitForURL('**/admin/members');
  const tomasz = await people.atDesk('tomasz.nowak@nordwerk.example');
  await expect(tomasz.page.getByRole('link', { name: 'Administration' })).toHaveCount(0);
  const embedded = await people.atRecord('katrin', 'nordwerk', 'transaction/INV-2026-00417');
  const link = embedded.view.getByRole('link', { name: 'Administration' });
  // A page of its own: the host's page stays, and the session in it administers nothing.
  const [tab] = await Promise.all([embedded.page.context().waitForEvent('page'), link.click()]);
  await tab.waitForURL((url) => url.pathname === '/sign-in' && url.searchParams.get('next') === '/admin');
  expect(embedded.page.url()).toContain(ERP);
  const other = await people.atRecord('tomasz', 'nordwerk', 'transaction/INV-2026-00417');
  await expect(other.view.getByRole('link', { name: 'Administration' })).toHaveCount(0);
});

test('what was shown goes when another tab goes to another company', async ({ people }) => {
  const elise = await administers(people, 'members', {}, 'elise.fournier@alba.example');
  await expect(member(elise.page, 'Leila Haddad')).toBeVisible();
  const tab = await elise.page.context().newPage();
  await tab.goto(`${URL_BASE}/messages`);
  await tab.getByTestId('company').click();
  await tab.getByRole('dialog').getByRole('button').filter({ hasText: 'Nordwerk Industries' }).click();
  await expect(tab.getByTestId('company')).toContainText('Nordwerk Industries');
  await expect(elise.page.getByRole('heading', { name: 'You are somewhere else now' })).toBeVisible();
  for (const gone of ['Leila Haddad', 'Alba Trading']) {
    await expect.poll(() => elise.page.content(), gone).not.toContain(gone);
  }
});
