// axe finds nothing to complain about in any state, light and dark, from either side.
import AxeBuilder from '@axe-core/playwright';

import { ERP, expect, fresh, test, URL_BASE, type Reader } from './people';

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
    await elise.launcher.click();
    await expect(elise.conversations.getByRole('button').first().or(elise.log)).toBeVisible();
    await clean(elise, 'open');
  });
}

test('the list and the page from right to left', async ({ people }) => {
  const leila = await people.atDesk('leila.haddad@alba.example');
  await leila.page.evaluate(() => document.documentElement.setAttribute('dir', 'rtl'));
  await leila.opens('Yuki Tanaka');
  await clean(leila, 'right to left');
  expect(ERP).toContain('127.0.0.1');
});

test('at 320 px nothing is cut off', async ({ people }) => {
  const katrin = await people.atDesk('katrin.vogel@nordwerk.example', { viewport: { width: 320, height: 640 } });
  const wider = async () => katrin.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect(await wider()).toBeLessThanOrEqual(0);
  await katrin.opens('Line 4 retrofit');
  expect(await wider()).toBeLessThanOrEqual(0);
});
