// The pages of moderation: the queue, a case and what is done about it. What a test changes, it puts back.
import type { Page } from '@playwright/test';

import { clean, dialog, expect, fits, goes, HEADERS, notice, OWNER, test } from './administration';
import { fresh, URL_BASE, type People, type Reader } from './people';

const AUTHOR = 'miriam.adler@nordwerk.example';

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
      await fits(page, `case, ${width}`);
      await page.getByRole('button', { name: 'Back to the queue' }).click();
      await expect(row(page, id)).toBeVisible();
      await fits(page, `queue, ${width}`);
    }
      katrin.noComplaints();
  });
}

test('from a case one comes to who can read the message, and to why', async ({ people }) => {
  const katrin = await people.atDesk(OWNER);
  const { id } = await reported(people, katrin);
  const { page } = katrin;
  await goes(katrin, 'moderation');
  await looks(katrin, id);
  await page.getByTestId('opened').getByRole('link', { name: 'Who can read it?' }).click();
  await page.waitForURL((url) => url.pathname === '/admin/explain' && url.searchParams.get('message') === id);
  await expect(page.getByLabel('Message', { exact: true })).toHaveValue(id);
  const readers = page.getByTestId('reader');
  await expect(readers).toHaveCount(2);
  await expect(readers.filter({ hasText: 'Katrin Vogel' })).toBeVisible();
  await expect(readers.filter({ hasText: 'Miriam Adler' })).toBeVisible();
  await clean(page, 'readers');
  await page.setViewportSize({ width: 360, height: 740 });
  await fits(page, 'readers');
  await readers.getByRole('button', { name: 'Why can Miriam Adler read it?' }).click();
  await expect(page.getByTestId('verdict')).toContainText('Yes: Miriam Adler');
  // Of a message that is not there, or not to be seen, the same is told.
  await page.getByLabel('Message', { exact: true }).fill('msg_0198000000007000800000000000002a');
  await page.getByRole('button', { name: 'Who can read it?' }).click();
  await expect(page.locator('#readers').getByRole('alert')).toBeVisible();
  await expect(readers).toHaveCount(0);
  katrin.noComplaints();
});

test('who moderates nothing is told so', async ({ people }) => {
  const tomasz = await people.atDesk('tomasz.nowak@nordwerk.example');
  const answer = await tomasz.page.goto(`${URL_BASE}/admin/moderation`);
  expect(answer!.status()).toBe(403);
  await expect(tomasz.page.getByRole('heading', { level: 1 })).toHaveText('This is not open to you');
});

/** The word list in force, as REST tells it. */
async function wordList(reader: Reader): Promise<{ version: number; entries: { words: string; action: string }[] }> {
  return (await reader.page.request.get(`${URL_BASE}/api/v1/admin/words`, { headers: HEADERS })).json();
}

async function putWords(reader: Reader, entries: { words: string; action: string }[]): Promise<void> {
  const { version } = await wordList(reader);
  const answer = await reader.page.request.put(`${URL_BASE}/api/v1/admin/words`, { headers: HEADERS, data: { entries, baseVersion: version } });
  expect(answer.status()).toBe(200);
}

const word = (page: Page, text: string) => page.getByTestId('word').filter({ hasText: text });

async function adds(page: Page, text: string, action?: RegExp): Promise<void> {
  await page.getByRole('button', { name: 'Add words' }).click();
  await dialog(page).getByLabel('Words').fill(text);
  if (action) {
    const label = (await dialog(page).getByLabel('What happens').locator('option').allInnerTexts()).find((one) => action.test(one))!;
    await dialog(page).getByLabel('What happens').selectOption(label);
  }
  await dialog(page).getByRole('button', { name: 'Add', exact: true }).click();
}

test('words are added, refused at their field, changed, found and removed; and a change from an old version is told', async ({ people }) => {
  const katrin = await people.atDesk(OWNER);
  const { page } = katrin;
  const before = (await wordList(katrin)).entries;
  try {
    await goes(katrin, 'words');
    const heron = fresh('Heron').replace(/\s/g, '');
    await adds(page, `Project ${heron}`, /^Refuse/);
    await expect(notice(page)).toContainText(`Project ${heron}`);
    await expect(word(page, heron)).toContainText('Refuse');

    // What an entry can't be is told at its field: nothing in it, too long, too many words, there already.
    for (const wrong of ['?!', 'x'.repeat(61), 'a b c d e f g h i', `project ${heron.toUpperCase()}`]) {
      await adds(page, wrong);
      await expect(dialog(page).getByLabel('Words')).toHaveAttribute('aria-invalid', 'true');
      await expect(dialog(page).getByLabel('Words')).toBeFocused();
      await dialog(page).getByRole('button', { name: 'Cancel' }).click();
    }
    await page.getByRole('button', { name: `Change Project ${heron}` }).click();
    await clean(page, 'change');
    await dialog(page).getByLabel('What happens').selectOption('mask');
    await dialog(page).getByRole('button', { name: 'Save' }).click();
    await expect(word(page, heron)).toContainText('Mask');
    await page.getByRole('searchbox', { name: 'Find in the list' }).fill(heron.toLowerCase());
    await expect(page.getByTestId('word')).toHaveCount(1);
    await page.getByRole('searchbox', { name: 'Find in the list' }).fill('nothing of that kind');
    await expect(page.getByRole('heading', { name: 'Nothing fits' })).toBeVisible();
    await page.getByRole('searchbox', { name: 'Find in the list' }).fill('');

    // Somebody else changes the list meanwhile: what was written stays, and the list can be looked at again.
    const other = fresh('Otter').replace(/\s/g, '');
    await putWords(katrin, [...(await wordList(katrin)).entries, { words: other, action: 'flag' }]);
    await adds(page, fresh('Third'));
    await expect(dialog(page).getByRole('alert')).toContainText('Somebody changed this meanwhile');
    await clean(page, 'conflict');
    await dialog(page).getByRole('button', { name: 'Cancel' }).click();
    await page.getByTestId('standing').getByRole('button', { name: 'Look again' }).click();
    await expect(word(page, other)).toBeVisible();

    await page.getByRole('button', { name: `Remove Project ${heron}` }).click();
    await dialog(page).getByRole('button', { name: 'Remove' }).click();
    await expect(word(page, heron)).toHaveCount(0);
    await expect(word(page, other)).toBeVisible();
  } finally {
    await putWords(katrin, before);
  }
  katrin.noComplaints();
});

test('a long list of long words has its place at 360 px, from left to right and from right to left', async ({ people }) => {
  const katrin = await people.atDesk(OWNER, { viewport: { width: 360, height: 740 }, colorScheme: 'dark' });
  const before = (await wordList(katrin)).entries;
  try {
    await putWords(katrin, [{ words: 'w'.repeat(60), action: 'refuse' }, { words: 'an entry of some words', action: 'flag' }]);
    await goes(katrin, 'words');
    await fits(katrin.page, 'long words');
    await clean(katrin.page, 'long words');
    await putWords(katrin, []);
    await katrin.page.getByTestId('standing').getByRole('button', { name: 'Look again' }).click();
    await expect(katrin.page.getByRole('heading', { name: 'No words' })).toBeVisible();
  } finally {
    await putWords(katrin, before);
  }
  katrin.noComplaints();
});
