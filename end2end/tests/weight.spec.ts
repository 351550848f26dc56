// A collapsed widget costs nothing; and the picture for the README.
import { expect, test } from './people';

test('a collapsed widget fetches no WASM and at most 30 kB', async ({ browser }) => {
  const context = await browser.newContext();
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  await session.send('Target.setAutoAttach', { autoAttach: false, waitForDebuggerOnStart: false, flatten: true });
  const fetched: { url: string; bytes: number }[] = [];
  page.on('requestfinished', async (request) => {
    const sizes = await request.sizes().catch(() => null);
    if (sizes) fetched.push({ url: request.url(), bytes: sizes.responseBodySize + sizes.responseHeadersSize });
  });
  const erp = (process.env.POSTIL_URL ?? '').replace('//localhost', '//127.0.0.1');
  await page.goto(`${erp}/demo/nordwerk/transaction/INV-2026-00417?as=elise`);
  await expect.poll(() => page.frames().some((frame) => frame.url().includes('/widget'))).toBe(true);
  const frame = page.frames().find((one) => one.url().includes('/widget'))!;
  await expect(frame.getByTestId('launcher')).toBeVisible();
  // The badge comes last: everything before it has been fetched.
  await expect(frame.getByTestId('launcher')).toHaveAccessibleName(/unread/);
  const ours = fetched.filter((one) => !one.url.includes('/demo'));
  expect(ours.filter((one) => one.url.endsWith('.wasm'))).toEqual([]);
  const total = ours.reduce((sum, one) => sum + one.bytes, 0);
  console.log(`collapsed: ${total} bytes in ${ours.length} requests`);
  expect(total).toBeLessThanOrEqual(30_000);
  await context.close();
});

test('the picture of the README', async ({ people }) => {
  const marco = await people.atRecord('marco', 'nordwerk', 'transaction/INV-2026-00417');
  const elise = await people.atRecord('elise', 'nordwerk', 'transaction/INV-2026-00417');
  for (const reader of [marco, elise]) {
    if (!(await reader.log.isVisible())) await reader.opens(/Invoice 00417/);
  }
  await expect(elise.view.getByTestId('message').first()).toBeVisible();
  await elise.page.screenshot({ path: 'results/screenshot.png', animations: 'disabled' });
});
