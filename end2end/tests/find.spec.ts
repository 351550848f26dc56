// Finding conversations and messages, and the keys that lead there.
import AxeBuilder from '@axe-core/playwright';
import { expect, fresh, Reader, test } from './people';

async function looksFor(reader: Reader, text: string): Promise<void> {
  await reader.isAwake();
  await reader.page.keyboard.press('Control+k');
  const field = reader.view.getByRole('searchbox', { name: 'Find conversations and messages' });
  await expect(field).toBeFocused();
  await field.fill(text);
}

test('a message is found by its words and shown where it stands, by keys alone', async ({ people }) => {
  const miriam = await people.atDesk('miriam.adler@nordwerk.example');
  await miriam.opens('Month-end close');
  const text = fresh('The **Kingfisher** account is settled');
  const code = text.split(' ').pop()!;
  await miriam.writes(text);
  await miriam.sees(code);

  const katrin = await people.atDesk('katrin.vogel@nordwerk.example');
  await looksFor(katrin, `kingfisher ${code.slice(0, -1)}`);
  const hit = katrin.view.getByRole('dialog').getByRole('button').filter({ hasText: 'account is settled' });
  await expect(hit).toContainText('Month-end close');
  await expect(hit.locator('mark')).toHaveText(['Kingfisher', code]);
  const axe = await new AxeBuilder({ page: katrin.page }).analyze();
  expect(axe.violations, 'hits').toEqual([]);
  await katrin.page.keyboard.press('ArrowDown');
  await expect(hit).toBeFocused();
  await katrin.page.keyboard.press('ArrowUp');
  await expect(katrin.view.getByRole('searchbox')).toBeFocused();
  await katrin.page.keyboard.press('Enter');
  await expect(katrin.view.getByRole('dialog')).toHaveCount(0);
  await expect(katrin.message(code)).toBeFocused();
  await expect(katrin.message(code)).toBeInViewport();
  await expect(katrin.view.getByTestId('to-whole')).toHaveCount(0);
  katrin.noComplaints();
});

test('a thread older than what is loaded is shown alone, and marks nothing as read', async ({ people }) => {
  const miriam = await people.atDesk('miriam.adler@nordwerk.example');
  await miriam.opens('Month-end close');
  const old = fresh('The auditor asked for Ledger');
  const [code, newest] = [old.split(' ').pop()!, fresh('And the latest')];
  for (const text of [old, fresh('One'), fresh('Two'), fresh('Three'), newest]) {
    await miriam.writes(text);
    await miriam.sees(text);
  }

  const katrin = await people.atDesk('katrin.vogel@nordwerk.example');
  // Pages of two threads stand for a conversation of thousands.
  await katrin.page.route(/\/api\/v1\/messages\?/, (route) => route.continue({ url: `${route.request().url()}&limit=2` }));
  const read: string[] = [];
  katrin.page.on('request', (request) => {
    if (/\/read$/.test(request.url())) read.push(request.postData() ?? '');
  });
  await looksFor(katrin, code);
  await katrin.view.getByRole('dialog').getByRole('button').filter({ hasText: 'Ledger' }).click();
  await expect(katrin.message(code)).toBeFocused();
  await expect(katrin.view.getByTestId('message')).toHaveCount(1);
  expect(read, 'nothing was read between here and the end').toEqual([]);
  await katrin.view.getByTestId('to-whole').click();
  await katrin.sees(newest);
  await expect(katrin.message(newest)).toBeInViewport();
  await expect(katrin.message(code)).toHaveCount(0);
  await expect.poll(() => read.length, 'now it is').toBeGreaterThan(0);
  katrin.noComplaints();
});

test('nobody finds what they may not read', async ({ people }) => {
  const miriam = await people.atDesk('miriam.adler@nordwerk.example');
  await miriam.opens(/Settlement/);
  const text = fresh('Without prejudice, Pelican');
  const code = text.split(' ').pop()!;
  await miriam.writes(text);
  await miriam.sees(code);
  await looksFor(miriam, code);
  await expect(miriam.view.getByRole('dialog').getByRole('button').filter({ hasText: 'Pelican' })).toBeVisible();

  // Élise works in both companies; at Nordwerk she is in purchasing and the settlement is not for her.
  const elise = await people.atDesk('elise.fournier@alba.example');
  for (const company of ['Alba Trading', 'Nordwerk Industries']) {
    if (company !== 'Alba Trading') await elise.switches(company);
    await looksFor(elise, code);
    await expect(elise.view.getByRole('heading', { name: 'No messages found' })).toBeVisible();
    await expect(elise.view.getByRole('dialog')).not.toContainText('Pelican');
    await elise.page.keyboard.press('Escape');
    await expect(elise.view.getByRole('dialog')).toHaveCount(0);
  }
  elise.noComplaints();
});

test('what is found goes when it goes, and only an answer to what was typed is opened', async ({ people }) => {
  const miriam = await people.atDesk('miriam.adler@nordwerk.example');
  await miriam.opens('Month-end close');
  const text = fresh('Take this back, Cormorant');
  const code = text.split(' ').pop()!;
  await miriam.writes(text);
  await miriam.sees(code);
  const katrin = await people.atDesk('katrin.vogel@nordwerk.example');
  const dialog = katrin.view.getByRole('dialog');
  await looksFor(katrin, `${code} cormorant`);
  await expect(dialog.locator('.hit')).toHaveCount(1);

  // Typed on, and the answer is on its way: Enter opens nothing that was found before.
  let answer = () => {};
  const held = new Promise<void>((resolve) => (answer = resolve));
  await katrin.page.route(/\/search\?q=unfindable/, async (route) => {
    await held;
    await route.continue();
  });
  const field = katrin.view.getByRole('searchbox');
  await field.fill('unfindable');
  await field.press('Enter');
  await expect(dialog.locator('.find.stale .hit')).toHaveCount(1);
  await expect(dialog).toBeVisible();
  answer();
  await expect(katrin.view.getByRole('heading', { name: 'No messages found' })).toBeVisible();

  // A pasted sentence has more words than are looked for.
  await field.fill(`${code} take this back cormorant ${code} take this back cormorant ${code}`);
  await expect(dialog.locator('.hit')).toHaveCount(1);

  await miriam.acts(code, 'Delete');
  await miriam.view.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await expect(dialog.locator('.hit')).toHaveCount(0);
  await expect(dialog).not.toContainText('Cormorant');
  katrin.noComplaints();
});

test('keys open what they say, leave fields alone, and stay out of the page around the widget', async ({ people }) => {
  const katrin = await people.atDesk('katrin.vogel@nordwerk.example');
  await katrin.opens('Month-end close');
  await katrin.composer.press('?');
  await expect(katrin.composer).toHaveValue('?');
  await expect(katrin.view.getByRole('dialog')).toHaveCount(0);
  await katrin.composer.fill('');
  await katrin.log.focus();
  await katrin.page.keyboard.press('?');
  await expect(katrin.view.getByRole('dialog', { name: 'Keys' })).toContainText('Next conversation with something new');
  const axe = await new AxeBuilder({ page: katrin.page }).analyze();
  expect(axe.violations, 'keys').toEqual([]);
  await katrin.page.keyboard.press('Escape');
  await expect(katrin.log).toBeFocused();
  await katrin.page.keyboard.press('Control+k');
  await expect(katrin.view.getByRole('dialog', { name: 'Find' })).toBeVisible();
  await katrin.page.keyboard.press('Control+k');
  await expect(katrin.view.getByRole('dialog')).toHaveCount(0);

  // Something new elsewhere: one key goes there.
  await katrin.opens('Line 4 retrofit');
  const miriam = await people.atDesk('miriam.adler@nordwerk.example');
  await miriam.opens('Month-end close');
  await miriam.writes(fresh('Trains before planes'));
  await expect(katrin.row('Month-end close')).toContainText('Trains before planes');
  const unread = await katrin.conversations.locator('.row.unread .row-title').allInnerTexts();
  expect(unread).toContain('Month-end close');
  await katrin.page.keyboard.press('Alt+Shift+ArrowDown');
  const current = katrin.conversations.locator('.row[aria-current="true"] .row-title');
  await expect.poll(async () => unread.includes(await current.innerText())).toBe(true);
  katrin.noComplaints();

  // The widget hears its own document only.
  const elise = await people.atRecord('elise', 'nordwerk', 'transaction/INV-2026-00417');
  await elise.page.locator('body').click({ position: { x: 5, y: 5 } });
  await elise.page.keyboard.press('Control+k');
  await expect(elise.view.getByRole('button', { name: 'Find conversations and messages' })).toBeVisible();
  await expect(elise.view.getByRole('dialog')).toHaveCount(0);
});

test('the list shows one kind of conversation, or what is unread', async ({ people }) => {
  const miriam = await people.atDesk('miriam.adler@nordwerk.example');
  await miriam.isAwake();
  const kind = miriam.view.getByRole('combobox', { name: 'Kind of conversation' });
  const rows = miriam.conversations.getByRole('listitem');
  const all = await rows.count();
  await kind.selectOption({ label: 'Groups' });
  await expect(miriam.row('Month-end close')).toBeVisible();
  await expect(miriam.row(/^Invoice/)).toHaveCount(0);
  expect(await rows.count()).toBeLessThan(all);
  await kind.selectOption({ label: 'Transactions' });
  await expect(miriam.row('Month-end close')).toHaveCount(0);
  await expect(miriam.row(/Invoice 00417/)).toBeVisible();
  await kind.selectOption({ label: 'Conversations' });
  await expect(rows).toHaveCount(all);
  await kind.selectOption({ label: 'Topics' });
  await expect(miriam.view.getByRole('heading', { name: 'None of this kind' })).toBeVisible();
  await kind.selectOption({ label: 'Conversations' });

  const katrin = await people.atDesk('katrin.vogel@nordwerk.example');
  await katrin.opens('Miriam Adler');
  const text = fresh('To be read');
  await katrin.writes(text);
  await expect(miriam.row('Katrin Vogel')).toContainText(text);
  const unread = await rows.filter({ hasText: 'unread' }).count();
  await miriam.view.getByRole('button', { name: 'Unread', exact: true }).click();
  await expect(rows).toHaveCount(unread);
  // The open one stays while it is read.
  await miriam.opens('Katrin Vogel');
  await miriam.sees(text);
  await expect(miriam.row('Katrin Vogel')).toBeVisible();
  miriam.noComplaints();
});

test('a narrowed list looks further by itself than what is loaded, once', async ({ people }) => {
  const miriam = await people.inErp('miriam', 'nordwerk', 'transaction/INV-2026-00417');
  const asked: (string | null)[] = [];
  // As if everything but groups stood on the first page, and the groups on the second, which ends the list.
  await miriam.page.route(/\/api\/v1\/conversations(\?|$)/, async (route) => {
    const url = new URL(route.request().url());
    const cursor = url.searchParams.get('cursor');
    asked.push(cursor);
    url.searchParams.delete('cursor');
    const answer = await route.fetch({ url: url.href });
    const page = await answer.json();
    const items = page.items.filter((one: { kind: string }) => (one.kind === 'group') === (cursor === 'second'));
    await route.fulfill({ response: answer, json: { ...page, items, nextCursor: cursor ? undefined : 'second' } });
  });
  await miriam.open();
  const back = miriam.view.getByRole('button', { name: 'Back to conversations' });
  await expect(miriam.conversations.getByRole('button').first().or(back)).toBeVisible();
  if (await back.isVisible()) await back.click();
  await expect(miriam.view.getByRole('button', { name: 'More conversations' })).toBeVisible();
  await expect(miriam.row('Month-end close')).toHaveCount(0);
  const further = () => asked.filter((cursor) => cursor === 'second').length;
  expect(further()).toBe(0);
  await miriam.view.getByRole('combobox', { name: 'Kind of conversation' }).selectOption({ label: 'Groups' });
  await expect(miriam.row('Month-end close')).toBeVisible();
  await expect(miriam.view.getByRole('button', { name: 'More conversations' })).toHaveCount(0);
  expect(further()).toBe(1);
});
