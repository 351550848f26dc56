// Somebody reports, a moderator hides and restores, everybody sees it at once; and blocks, for oneself.
import { COMPANY, expect, fresh, test, URL_BASE, type Reader } from './people';

/** An act of a moderator over REST: pages for it are the administrators'. */
async function acts(moderator: Reader, message: string, act: Record<string, unknown>) {
  const answer = await moderator.page.request.post(`${URL_BASE}/api/v1/moderation/reports/${message}/acts`, {
    headers: { Origin: URL_BASE, 'X-Postil-Csrf': '1', 'X-Postil-Company': COMPANY.nordwerk },
    data: act,
  });
  expect(answer.status()).toBe(200);
}

test('a reported message is hidden and restored before everybody\'s eyes, and its author reads why', async ({ people }) => {
  const katrin = await people.atDesk('katrin.vogel@nordwerk.example');
  const miriam = await people.atDesk('miriam.adler@nordwerk.example');
  const [polite, strict, hour, thanks] = ['Please stay polite', 'Too strict of me', 'For an hour', 'Thank you'].map(fresh);
  await katrin.opens('Miriam Adler');
  await miriam.opens('Katrin Vogel');
  const rude = fresh('The figures are nonsense');
  await miriam.writes(rude);
  await katrin.sees(rude);
  await katrin.acts(rude, 'Report');
  const dialog = katrin.view.getByRole('dialog');
  await dialog.getByLabel('Something else').check();
  await dialog.getByLabel('More about it').fill('Not the tone we want');
  await dialog.getByTestId('report').click();
  await expect(dialog).toHaveCount(0);

  const id = (await katrin.message(rude).getAttribute('id'))!.slice('m-'.length);
  await acts(katrin, id, { act: 'hide', reason: polite });
  for (const reader of [katrin, miriam]) {
    await expect(reader.view.getByTestId('message').filter({ hasText: rude })).toHaveCount(0);
    await expect(reader.view.getByTestId('hidden').last()).toBeVisible();
    // Screen readers are told what comes in; that line goes by itself a few seconds later.
    await expect.poll(() => reader.page.content()).not.toContain(rude);
  }
  const notice = miriam.view.getByTestId('notice').filter({ hasText: polite });
  await expect(notice).toBeVisible();
  await expect(katrin.view.getByTestId('notice')).toHaveCount(0);
  await notice.getByRole('button', { name: 'I have read this' }).click();
  await expect(notice).toHaveCount(0);

  await acts(katrin, id, { act: 'restore', reason: strict });
  for (const reader of [katrin, miriam]) await reader.sees(rude);
  await miriam.view.getByTestId('notice').filter({ hasText: strict }).getByRole('button').click();

  const until = new Date(Date.now() + 3_600_000).toISOString();
  await acts(katrin, id, { act: 'mute', reason: hour, until });
  await expect(miriam.view.getByTestId('muted')).toContainText('You can\'t write here until');
  await acts(katrin, id, { act: 'unmute', reason: thanks });
  await expect(miriam.composer).toBeVisible();
  for (const text of [hour, thanks]) {
    await miriam.view.getByTestId('notice').filter({ hasText: text }).getByRole('button').click();
  }
  await acts(katrin, id, { act: 'resolve', reason: 'Settled' });
  for (const reader of [katrin, miriam]) reader.noComplaints();
});

test('what a blocked person writes is folded for who blocked them, and for nobody else', async ({ people }) => {
  const katrin = await people.atDesk('katrin.vogel@nordwerk.example');
  const miriam = await people.atDesk('miriam.adler@nordwerk.example');
  await katrin.opens('Miriam Adler');
  await miriam.opens('Katrin Vogel');
  const text = fresh('Do you read me');
  await miriam.writes(text);
  await katrin.sees(text);
  await katrin.acts(text, 'Block');
  await katrin.view.getByRole('dialog').getByTestId('block').click();
  await expect(katrin.view.getByTestId('folded').last()).toBeVisible();
  await expect(katrin.view.getByTestId('message').filter({ hasText: text })).toHaveCount(0);
  await miriam.sees(text);
  await katrin.view.getByTestId('folded').last().getByRole('button', { name: 'Show' }).click();
  await katrin.sees(text);
  await katrin.acts(text, 'Unblock');
  await expect(katrin.view.getByTestId('folded')).toHaveCount(0);
  for (const reader of [katrin, miriam]) reader.noComplaints();
});
