// The page of limits and of what was refused. What a test changes, it puts back.
import { clean, expect, HEADERS, OWNER, test } from './administration';
import { URL_BASE } from './people';

test('limits are refused at their field, saved, told to be old, and put back', async ({ people }) => {
  const katrin = await people.atDesk(OWNER);
  const { page } = katrin;
  const settings = async () => (await page.request.get(`${URL_BASE}/api/v1/admin/settings`, { headers: HEADERS })).json();
  const before = await settings();
  const sheet = page.getByTestId('limits');
  const links = sheet.getByLabel('Links in one message');
  try {
    await page.goto(`${URL_BASE}/admin/abuse`);
    await katrin.isAwake();
    for (const wrong of ['many', '201']) {
      await links.fill(wrong);
      await sheet.getByRole('button', { name: 'Save' }).click();
      await expect(links).toHaveAttribute('aria-invalid', 'true');
      await expect(links).toBeFocused();
    }
    await clean(page, 'refused field');
    const to = before.linksPerMessage === 7 ? 8 : 7;
    await links.fill(String(to));
    await sheet.getByRole('button', { name: 'Save' }).click();
    await expect(page.getByTestId('notice')).toContainText('The limits are saved');
    expect((await settings()).linksPerMessage).toBe(to);
    const { version } = await settings();
    await page.request.patch(`${URL_BASE}/api/v1/admin/settings`, { headers: HEADERS, data: { version, newcomerPercent: 49 } });
    await links.fill('9');
    await sheet.getByRole('button', { name: 'Save' }).click();
    await expect(sheet.getByRole('alert')).toContainText('Somebody changed this meanwhile');
  } finally {
    const { version } = await settings();
    const { linksPerMessage, newcomerPercent } = before;
    const back = await page.request.patch(`${URL_BASE}/api/v1/admin/settings`, { headers: HEADERS, data: { version, linksPerMessage, newcomerPercent } });
    expect(back.status()).toBe(200);
  }
  katrin.noComplaints();
});

test('what was refused is found by kind and person', async ({ people }) => {
  const tomasz = await people.atDesk('tomasz.nowak@nordwerk.example');
  const none = await tomasz.page.request.get(`${URL_BASE}/api/v1/conversations/cnv_0198000000007000800000000000002a`, { headers: HEADERS });
  expect(none.status()).toBe(404);
  const katrin = await people.atDesk(OWNER);
  const { page } = katrin;
  await page.goto(`${URL_BASE}/admin/abuse`);
  await katrin.isAwake();
  await page.getByLabel('What', { exact: true }).selectOption('Not there, or not for them');
  await expect(page.getByTestId('refusal').first()).toContainText('not_found');
  await expect(page.getByTestId('refusal').filter({ hasNotText: 'not_found' })).toHaveCount(0);
  await page.getByRole('button', { name: 'Only what Tomasz Nowak was refused' }).first().click();
  await expect(page.getByTestId('refusal').filter({ hasNotText: 'Tomasz Nowak' })).toHaveCount(0);
  await expect(page.getByTestId('refusal').first()).toContainText('Tomasz Nowak');
  await clean(page, 'found');
  await page.getByLabel('Whom', { exact: true }).fill('tomasz');
  await page.getByRole('button', { name: 'Show' }).click();
  await expect(page.getByLabel('Whom', { exact: true })).toHaveAttribute('aria-invalid', 'true');
  katrin.noComplaints();
});
