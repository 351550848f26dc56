// The pages of moderation: the queue, a case and what is done about it. What a test changes, it puts back.
import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';

import { COMPANY, expect, fresh, test, URL_BASE, type People, type Reader } from './people';

const OWNER = 'katrin.vogel@nordwerk.example';
const AUTHOR = 'miriam.adler@nordwerk.example';
const HEADERS = { Origin: URL_BASE, 'X-Postil-Csrf': '1', 'X-Postil-Company': COMPANY.nordwerk };

async function goes(reader: Reader, section: string): Promise<void> {
  await reader.page.goto(`${URL_BASE}/admin/${section}`);
  await reader.isAwake();
}

async function clean(page: Page, state: string): Promise<void> {
  const results = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']).analyze();
  const found = results.violations.map((one) => `${one.id}: ${one.nodes.map((node) => `${node.target.join(' ')} ${node.failureSummary}`).join(' | ')}`);
  expect(found, state).toEqual([]);
}

const wider = (page: Page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
const dialog = (page: Page) => page.getByRole('dialog');
const notice = (page: Page) => page.getByTestId('notice');
const row = (page: Page, message: string) => page.locator(`[data-message="${message}"]`);
const choice = (page: Page, name: string) => page.getByTestId('opened').getByRole('button', { name, exact: true });

/** A message of Miriam's that Katrin reported: its id and text. */
async function reported(people: People, moderator: Reader): Promise<{ author: Reader; id: string; text: string }> {
  const author = await people.atDesk(AUTHOR);
  await moderator.opens('Miriam Adler');
  await author.opens('Katrin Vogel');
  const text = fresh('The figures are nonsense, and so is whoever made them');
  await author.writes(text);
  await moderator.sees(text);
  const id = (await moderator.message(text).getAttribute('id'))!.slice('m-'.length);
  const answer = await moderator.page.request.post(`${URL_BASE}/api/v1/messages/${id}/reports`, {
    headers: HEADERS, data: { reason: 'harassment', note: 'Not the tone that we want' },
  });
  expect(answer.status()).toBe(201);
  return { author, id, text };
}

/** Miriam's notices are read, and the case is closed. */
async function puts(author: Reader, moderator: Reader, id: string): Promise<void> {
  const answer = await author.page.request.get(`${URL_BASE}/api/v1/moderation/notices`, { headers: HEADERS });
  for (const one of (await answer.json()).items) {
    await author.page.request.post(`${URL_BASE}/api/v1/moderation/notices/${one.id}/acknowledge`, { headers: HEADERS });
  }
  await moderator.page.request.post(`${URL_BASE}/api/v1/moderation/reports/${id}/acts`, {
    headers: HEADERS, data: { act: 'resolve', reason: 'Done with the test' },
  });
}

async function looks(moderator: Reader, id: string): Promise<void> {
  await row(moderator.page, id).getByRole('button', { name: 'Open the case of Miriam Adler' }).click();
  await dialog(moderator.page).getByRole('button', { name: 'Open the case' }).click();
  await expect(moderator.page.getByTestId('reported')).toBeVisible();
}

/** Does one thing about the case that is open. */
async function does(page: Page, button: string, reason: string, prepare = async () => {}): Promise<void> {
  await choice(page, button).click();
  await prepare();
  await dialog(page).getByLabel('Reason').fill(reason);
  await dialog(page).getByRole('button', { name: button, exact: true }).click();
  await expect(dialog(page)).toHaveCount(0);
}

test('a case is opened after a question, its message hidden and restored, its author muted and not, and it is resolved', async ({ people }) => {
  const katrin = await people.atDesk(OWNER);
  const { author, id, text } = await reported(people, katrin);
  const { page } = katrin;
  await goes(katrin, 'moderation');
  await expect(row(page, id)).toContainText('Miriam Adler');
  await expect(row(page, id)).toContainText('Harassment');
  await expect(row(page, id)).toContainText('1 report');
  expect(await page.content(), 'the queue has no text').not.toContain(text);

  await row(page, id).getByRole('button', { name: /^Open/ }).click();
  await expect(dialog(page)).toContainText('written to the audit log');
  await dialog(page).getByRole('button', { name: 'Cancel' }).click();
  await expect(dialog(page)).toHaveCount(0);
  expect(await page.content()).not.toContain(text);
  await looks(katrin, id);
  await expect(page.getByRole('heading', { level: 2, name: 'Message of Miriam Adler' })).toBeFocused();
  await expect(page.getByTestId('reported')).toContainText(text);
  await expect(page.getByTestId('opened')).toContainText('Not the tone that we want');
  await expect(page.getByTestId('opened')).toContainText('Nothing was done so far');

  // Without a reason it is told at the field, and nothing is sent.
  await choice(page, 'Hide').click();
  await dialog(page).getByRole('button', { name: 'Hide', exact: true }).click();
  await expect(dialog(page).getByLabel('Reason')).toHaveAttribute('aria-invalid', 'true');
  await expect(dialog(page).getByLabel('Reason')).toBeFocused();
  await clean(page, 'refused reason');
  await dialog(page).getByLabel('Reason').fill('x'.repeat(501));
  await dialog(page).getByRole('button', { name: 'Hide', exact: true }).click();
  await expect(dialog(page).getByLabel('Reason')).toHaveAttribute('aria-invalid', 'true');
  await dialog(page).getByRole('button', { name: 'Cancel' }).click();

  await does(page, 'Hide', 'Please stay polite');
  await expect(notice(page)).toContainText('The message of Miriam Adler is hidden');
  await expect(page.getByTestId('reported')).toContainText('Hidden');
  await expect(page.getByTestId('reported'), 'moderators still read it').toContainText(text);
  await expect(page.getByTestId('act').first()).toContainText('Please stay polite');
  await expect(choice(page, 'Hide')).toHaveCount(0);
  await expect(author.message(text)).toHaveCount(0);
  await does(page, 'Restore', 'Too strict of me');
  await expect(page.getByTestId('act').first()).toContainText('Restored');
  await author.sees(text);

  await does(page, 'Mute', 'For an hour', async () => {
    await dialog(page).getByLabel('For how long').selectOption('An hour');
  });
  await expect(page.getByTestId('act').first()).toContainText(/Muteduntil .* by Katrin Vogel/);
  await expect(author.view.getByTestId('muted')).toBeVisible();
  await does(page, 'Unmute', 'Thank you');
  await expect(author.composer).toBeVisible();
  // Two who talk alone are no group: the server says so, and the dialog does.
  await choice(page, 'Take out').click();
  await dialog(page).getByLabel('Reason').fill('Out');
  await dialog(page).getByRole('button', { name: 'Take out', exact: true }).click();
  await expect(dialog(page).getByRole('alert')).toBeVisible();
  await dialog(page).getByRole('button', { name: 'Cancel' }).click();

  await does(page, 'Resolve', 'Settled');
  await expect(notice(page)).toContainText('The case of Miriam Adler is resolved');
  await expect(row(page, id)).toHaveCount(0);
  await page.getByTestId('state').selectOption('Resolved');
  await expect(row(page, id)).toContainText('resolved');
  await goes(katrin, 'audit');
  await expect(page.getByTestId('entry').filter({ hasText: 'Reported message looked at' }).first()).toContainText('Katrin Vogel');
  await puts(author, katrin, id);
  katrin.noComplaints();
});

for (const colorScheme of ['light', 'dark'] as const) {
  test(`queue and case at 360 px: nothing is cut off either way, and axe finds nothing, ${colorScheme}`, async ({ people }) => {
    const katrin = await people.atDesk(OWNER, { colorScheme });
    const { author, id } = await reported(people, katrin);
    const { page } = katrin;
    for (const width of [1280, 360]) {
      await page.setViewportSize({ width, height: 740 });
      await goes(katrin, 'moderation');
      await clean(page, `queue, ${width}`);
      await row(page, id).getByRole('button', { name: /^Open/ }).click();
      await clean(page, `question, ${width}`);
      await dialog(page).getByRole('button', { name: 'Cancel' }).click();
      await looks(katrin, id);
      await clean(page, `case, ${width}`);
      for (const dir of ['ltr', 'rtl']) {
        await page.evaluate((dir) => document.documentElement.setAttribute('dir', dir), dir);
        expect(await wider(page), `case, ${width}, ${dir}`).toBeLessThanOrEqual(0);
      }
      await page.getByRole('button', { name: 'Back to the queue' }).click();
      await expect(row(page, id)).toBeVisible();
      expect(await wider(page), `queue, ${width}, rtl`).toBeLessThanOrEqual(0);
    }
    await puts(author, katrin, id);
    katrin.noComplaints();
  });
}

test('who moderates nothing is told so', async ({ people }) => {
  const tomasz = await people.atDesk('tomasz.nowak@nordwerk.example');
  const answer = await tomasz.page.goto(`${URL_BASE}/admin/moderation`);
  expect(answer!.status()).toBe(403);
  await expect(tomasz.page.getByRole('heading', { level: 1 })).toHaveText('This is not open to you');
});
