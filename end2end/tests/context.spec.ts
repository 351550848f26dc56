// Records, companies, presence, and what a reload keeps.
import { COMPANY, ERP, expect, fresh, test, URL_BASE } from './people';

test('a chip opens the record for whoever may see it, and names nothing to the others', async ({ people }) => {
  const miriam = await people.atDesk('miriam.adler@nordwerk.example');
  const elise = await people.atDesk('elise.fournier@alba.example');
  // Élise works in both companies; at Nordwerk she is in purchasing and the Hartmann settlement is not for her.
  await elise.switches('Nordwerk Industries');
  await miriam.opens('Month-end close');
  await elise.opens('Month-end close');
  const text = fresh('Booked as in #transaction/SET-2026-003 and #topic/POL-TRAVEL');
  await miriam.writes(text);
  const code = text.split(' ').pop()!;

  const hers = miriam.message(code);
  await expect(hers.getByRole('link', { name: /Hartmann/ }).or(hers.getByRole('button', { name: /Hartmann/ }))).toBeVisible();
  const other = elise.message(code);
  await expect(other).toContainText(/Restricted transaction/i);
  await expect(other).not.toContainText('Hartmann');
  await expect(other.getByRole('link', { name: /Restricted/ })).toHaveCount(0);
  await expect(other.getByRole('button', { name: /Restricted/ })).toHaveCount(0);
  await expect(other.getByRole('link', { name: /Travel policy/ }).or(other.getByRole('button', { name: /Travel policy/ }))).toBeVisible();
  elise.noComplaints();
});

test('a chip in the widget takes the ERP to its record', async ({ people }) => {
  const elise = await people.atRecord('elise', 'nordwerk', 'transaction/INV-2026-00417');
  if (!(await elise.log.isVisible())) await elise.opens(/Invoice 00417/);
  const text = fresh('Compare #transaction/PO-2026-0131');
  await elise.writes(text);
  const chip = elise.message(text.split(' ').pop()!).getByText(/Order 0131/);
  await expect(chip).toBeVisible();
  await chip.click();
  await expect(elise.page).toHaveURL(new RegExp(`${ERP.replaceAll('.', '\\.')}/demo/nordwerk/transaction/PO-2026-0131`));
});

test('a switch of company leaves nothing of the old one, not even an answer that was under way', async ({ people }) => {
  const elise = await people.atDesk('elise.fournier@alba.example');
  await expect(elise.view.getByTestId('company')).toContainText('Alba Trading');
  await elise.opens('Nordwerk account, in-house');
  const secret = fresh('Our margin is eleven percent');
  await elise.writes(secret);
  await elise.sees(secret);

  // An answer of the old company is held back until the new one is on screen.
  let release: () => void = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  let caught = 0;
  await elise.page.route(/\/api\/v1\/(messages|conversations)(\?|\/)/, async (route) => {
    const company = route.request().headers()['x-postil-company'];
    if (route.request().method() === 'GET' && company === COMPANY.alba) {
      const answer = await route.fetch();
      caught += 1;
      await held;
      await route.fulfill({ response: answer }).catch(() => undefined);
    } else {
      await route.continue();
    }
  });
  await elise.row('大阪デスク').click();
  await expect.poll(() => caught).toBeGreaterThan(0);
  await elise.switches('Nordwerk Industries');
  release();
  await elise.opens('Month-end close');

  // The document, its title, and the storages.
  const traces = ['eleven percent', 'Nordwerk account, in-house', '大阪デスク'];
  const holdsNothing = async () => {
    const document = await elise.page.content();
    const stored = await elise.page.evaluate(() => JSON.stringify({ ...localStorage }) + JSON.stringify({ ...sessionStorage }));
    for (const trace of traces) {
      expect(document, 'the document').not.toContain(trace);
      expect(stored, 'the storages').not.toContain(trace);
    }
    await expect(elise.page).toHaveTitle(/^(\(\d+\+?\) )?Messages · Nordwerk Industries$/);
  };
  await holdsNothing();
  await elise.page.unrouteAll({ behavior: 'ignoreErrors' });
  // Going back does not bring it back: first to the list, then to the address of a conversation of the old company.
  await elise.page.goBack();
  await expect(elise.log).toHaveCount(0);
  const answer = elise.page.waitForResponse(/\/api\/v1\/conversations\/cnv_/);
  await elise.page.goBack();
  expect((await answer).status()).toBe(404);
  await expect(elise.view.getByText('Choose a conversation')).toBeVisible();
  await holdsNothing();
  const me = await elise.page.request.get(`${URL_BASE}/api/v1/me`, { headers: { 'X-Postil-Company': COMPANY.alba } });
  expect(me.status()).toBe(409);
  elise.noComplaints();
});

test('a switch of company leaves nothing of the old one in the memory of its scripts', async ({ people }) => {
  const elise = await people.atDesk('elise.fournier@alba.example');
  // What the page itself brought, and no test ever says to it.
  await elise.page.reload();
  const seed = await (await elise.page.request.get(`${URL_BASE}/messages`)).text();
  const inbox: { last?: { text: string } }[] = JSON.parse(seed.match(/id="postil-seed">(.*?)<\/script>/s)![1]).inbox.items;
  const texts = inbox.map((row) => row.last?.text ?? '').filter((text) => text.length > 20);
  expect(texts.length).toBeGreaterThan(0);
  await elise.switches('Nordwerk Industries');

  const devtools = await elise.page.context().newCDPSession(elise.page);
  let heap = '';
  devtools.on('HeapProfiler.addHeapSnapshotChunk', ({ chunk }) => (heap += chunk));
  await devtools.send('HeapProfiler.collectGarbage');
  await devtools.send('HeapProfiler.takeHeapSnapshot', { reportProgress: false });
  const held: string[] = JSON.parse(heap).strings;
  for (const text of texts) expect(held.filter((one) => one.includes(text))).toEqual([]);
});

test('presence follows a tab being opened and closed', async ({ people }) => {
  const katrin = await people.atDesk('katrin.vogel@nordwerk.example');
  await katrin.opens('Miriam Adler');
  const mark = katrin.row('Miriam Adler').getByRole('img');
  const status = async () => (await mark.getAttribute('aria-label'))?.toLowerCase();
  await expect.poll(status, { timeout: 30_000 }).toBe('offline');
  const miriam = await people.atDesk('miriam.adler@nordwerk.example');
  await expect.poll(status).toBe('online');
  await miriam.page.close();
  await expect.poll(status, { timeout: 30_000 }).toBe('offline');
});

test('a reload restores the conversation, the draft and the open widget', async ({ people }) => {
  // Not inside the demo ERP: there the browser of the tests refuses storage to a foreign frame, and nothing may be kept elsewhere.
  const elise = await people.atDesk('elise.fournier@alba.example');
  await elise.page.goto(`${URL_BASE}/widget`);
  await elise.open();
  await elise.opens('Nordwerk account, in-house');
  const draft = fresh('Half a thought');
  await elise.composer.fill(draft);
  await elise.page.reload();
  await expect(elise.log).toBeVisible();
  await expect(elise.composer).toHaveValue(draft);

  const katrin = await people.atDesk('katrin.vogel@nordwerk.example');
  await katrin.opens('Line 4 retrofit');
  await katrin.page.reload();
  await expect(katrin.log).toBeVisible();
  await expect(katrin.composer).toBeVisible();
});

test('signing out leaves nothing behind', async ({ people }) => {
  const katrin = await people.atDesk('katrin.vogel@nordwerk.example');
  await katrin.opens('Line 4 retrofit');
  await katrin.composer.fill(fresh('A secret draft'));
  await katrin.view.getByRole('button', { name: 'Sign out' }).click();
  await expect(katrin.page.getByRole('link', { name: 'Sign in' })).toBeVisible();
  expect(await katrin.page.content()).not.toContain('Line 4 retrofit');
  const stored = await katrin.page.evaluate(() => JSON.stringify({ ...localStorage }) + JSON.stringify({ ...sessionStorage }));
  expect(stored).not.toContain('secret draft');
});
