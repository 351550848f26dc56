// axe finds nothing to complain about in any state, light and dark, from either side.
import AxeBuilder from '@axe-core/playwright';

import type { Locator } from '@playwright/test';

import { expect, fresh, test, URL_BASE, type Reader } from './people';

async function clean(reader: Reader, state: string): Promise<void> {
  const results = await new AxeBuilder({ page: reader.page }).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']).analyze();
  const found = results.violations.map((violation) => `${violation.id}: ${violation.nodes.map((node) => `${node.target.join(' ')} ${node.failureSummary}`).join(' | ')}`);
  expect(found, state).toEqual([]);
}

for (const colorScheme of ['light', 'dark'] as const) {
  test(`the full page, ${colorScheme}`, async ({ people }) => {
    const katrin = await people.atDesk('katrin.vogel@nordwerk.example', { colorScheme });
    await clean(katrin, 'list');
    await katrin.opens('Line 4 retrofit');
    await expect(katrin.view.getByTestId('message').first()).toBeVisible();
    await clean(katrin, 'conversation');
    const text = fresh('For the reader of screens');
    await katrin.writes(text);
    await katrin.sees(text);
    await katrin.startsReply(text);
    await clean(katrin, 'reply');
    await katrin.page.keyboard.press('Escape');
    await katrin.acts(text, 'Edit');
    await clean(katrin, 'edit');
    await katrin.page.keyboard.press('Escape');
    await katrin.acts(text, 'Delete');
    await clean(katrin, 'dialog');
    await katrin.view.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await clean(katrin, 'tombstone');
    await katrin.view.getByRole('button', { name: 'New conversation' }).click();
    await clean(katrin, 'picker');
    await katrin.page.keyboard.press('Escape');
    // A send that fails stays in its place.
    await katrin.page.route('**/api/v1/messages', (route) => (route.request().method() === 'POST' ? route.fulfill({ status: 403, contentType: 'application/problem+json', body: JSON.stringify({ type: '/docs/errors#forbidden', title: 'You may not do this', status: 403, code: 'forbidden', correlationId: 'cor_00000000000000000000000000000000' }) }) : route.continue()));
    await katrin.writes(fresh('Refused'));
    await expect(katrin.view.getByTestId('failed').first()).toBeVisible();
    await clean(katrin, 'failed');
    katrin.noComplaints();
  });

  test(`sign-in, ${colorScheme}`, async ({ browser }) => {
    const context = await browser.newContext({ colorScheme });
    const page = await context.newPage();
    await page.goto(`${URL_BASE}/sign-in`);
    const results = await new AxeBuilder({ page }).analyze();
    expect(results.violations.map((violation) => violation.id)).toEqual([]);
    await context.close();
  });

  test(`the widget in the ERP, ${colorScheme}`, async ({ people }) => {
    const elise = await people.inErp('elise', 'nordwerk', 'transaction/INV-2026-00417', { colorScheme });
    await clean(elise, 'collapsed');
    await elise.open();
    await expect(elise.conversations.getByRole('button').first().or(elise.log)).toBeVisible();
    await clean(elise, 'open');
  });
}

/** Whatever is wider than the place it has. */
const overflowing = (reader: Reader) =>
  reader.page.evaluate(() => {
    const boxes = [...document.querySelectorAll('html, body, .panel, .panel-header, .pane-list, .pane-talk, .list, .talk-header, .log, .composer-box')];
    return boxes.filter((box) => box.scrollWidth > box.clientWidth).map((box) => box.className || box.localName);
  });

test('the list and the page from right to left', async ({ people }) => {
  const leila = await people.atDesk('leila.haddad@alba.example');
  await leila.page.evaluate(() => document.documentElement.setAttribute('dir', 'rtl'));
  await leila.opens('Yuki Tanaka');
  await clean(leila, 'right to left');
  const middle = async (of: Locator) => {
    const box = (await of.boundingBox())!;
    return box.x + box.width / 2;
  };
  // Mirrored: the list is on the right, faces are on the right of what people write, "Send" is on the left.
  expect(await middle(leila.conversations)).toBeGreaterThan(await middle(leila.log));
  const message = leila.view.getByTestId('message').filter({ has: leila.page.locator('.message-face .avatar') }).first();
  expect(await middle(message.locator('.message-face'))).toBeGreaterThan(await middle(message.locator('.message-text')));
  const send = (await leila.view.getByRole('button', { name: 'Send', exact: true }).boundingBox())!;
  const composer = (await leila.page.locator('.composer-box').boundingBox())!;
  expect(send.x - composer.x).toBeLessThan(16);
  expect(await overflowing(leila)).toEqual([]);
  await leila.page.setViewportSize({ width: 360, height: 640 });
  expect(await overflowing(leila)).toEqual([]);
  await leila.view.getByRole('button', { name: 'Back to conversations' }).click();
  await expect(leila.conversations.getByRole('button').first()).toBeVisible();
  expect(await overflowing(leila)).toEqual([]);
});

test('the focus stays with what one was at', async ({ people }) => {
  const elise = await people.atDesk('elise.fournier@alba.example');
  await elise.opens('Nordwerk account, in-house');
  const text = fresh('Soon gone');
  await elise.writes(text);
  await elise.sees(text);
  await expect(elise.message(text)).toHaveAttribute('id', /^m-msg_/);
  const article = elise.page.locator(`#${await elise.message(text).getAttribute('id')}`);
  await elise.acts(text, 'Delete');
  await elise.view.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await expect(article).toContainText('Message deleted');
  await expect(article).toBeFocused();
  // Another company, and the end of the session: the new heading.
  await elise.switches('Nordwerk Industries');
  const heading = elise.view.getByRole('heading', { level: 1 });
  await expect(heading).toContainText('Nordwerk Industries');
  await expect(heading).toBeFocused();
  await elise.view.getByRole('button', { name: 'Sign out' }).click();
  await expect(elise.view.getByRole('link', { name: 'Sign in' })).toBeVisible();
  await expect(heading).toBeFocused();
});

test('a button that loads more keeps the focus while it does', async ({ people }) => {
  const elise = await people.atDesk('elise.fournier@alba.example');
  // The first page of the inbox says that there is another, which is slow, and is the last.
  let release: () => void = () => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  await elise.page.route(/\/api\/v1\/conversations(\?|$)/, async (route) => {
    if (route.request().url().includes('cursor=more')) {
      await released;
      return route.fulfill({ json: { items: [], nextCursor: null } });
    }
    const answer = await route.fetch();
    await route.fulfill({ json: { ...(await answer.json()), nextCursor: 'more' } });
  });
  await elise.switches('Nordwerk Industries');
  const more = elise.view.getByRole('button', { name: 'More conversations' });
  await more.press('Enter');
  const loading = elise.conversations.getByRole('button', { name: 'Loading' });
  await expect(loading).toBeFocused();
  await expect(loading).toHaveAttribute('aria-disabled', 'true');
  release();
  await expect(loading).toHaveCount(0);
  await expect(elise.conversations.locator('.row:focus')).toHaveCount(1);
});

test('in forced colours the box that one writes in shows the focus', async ({ people }) => {
  const katrin = await people.atDesk('katrin.vogel@nordwerk.example', { forcedColors: 'active' });
  await katrin.opens('Miriam Adler');
  await katrin.composer.focus();
  await expect(katrin.page.locator('.composer-box')).toHaveCSS('outline-style', 'solid');
  await expect(katrin.page.locator('.composer-box')).toHaveCSS('outline-width', '2px');
});

test('Escape that ends an input method does not collapse the widget', async ({ people }) => {
  const elise = await people.atRecord('elise', 'nordwerk', 'transaction/INV-2026-00417');
  if (!(await elise.log.isVisible())) await elise.opens(/Invoice 00417/);
  const open = () => elise.view.evaluate(() => document.documentElement.classList.contains('is-open'));
  for (const how of [{ isComposing: true }, { keyCode: 229 }]) {
    await elise.composer.evaluate((box, how) => box.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true, cancelable: true, ...how })), how);
    expect(await open()).toBe(true);
  }
  await elise.composer.press('Escape');
  await expect.poll(open).toBe(false);
});

test('at 320 px nothing is cut off', async ({ people }) => {
  const katrin = await people.atDesk('katrin.vogel@nordwerk.example', { viewport: { width: 320, height: 640 } });
  const wider = async () => katrin.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect(await wider()).toBeLessThanOrEqual(0);
  await katrin.opens('Line 4 retrofit');
  expect(await wider()).toBeLessThanOrEqual(0);
});
