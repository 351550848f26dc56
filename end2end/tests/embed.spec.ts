// The widget and its host: what is open, who has the keyboard, whose session it is, and what happens when something is gone.
import { COMPANY, ERP, expect, fresh, test, URL_BASE, type Reader } from './people';

const INVOICE = 'transaction/INV-2026-00417';
const TOKEN = '**/demo/token?*';

/** The widget's session, as the server knows it: what its own requests carry. */
async function bearer(reader: Reader, act: () => Promise<void>): Promise<string> {
  const request = reader.page.waitForRequest((one) => !!one.headers()['authorization']);
  await act();
  return (await request).headers()['authorization'];
}

/** Ends a session behind the widget's back. */
async function end(authorization: string): Promise<void> {
  const answer = await fetch(`${URL_BASE}/api/v1/session`, { method: 'DELETE', headers: { Authorization: authorization, 'X-Postil-Csrf': '1' } });
  expect(answer.status).toBe(204);
}

/** The ERP's page as another customer's developer might have written it. */
async function written(reader: Reader, change: (messenger: Element) => void): Promise<void> {
  await reader.page.addInitScript(`
    new MutationObserver((_, observer) => {
      const messenger = document.querySelector('postil-messenger');
      if (!messenger) return;
      observer.disconnect();
      (${change})(messenger);
    }).observe(document, { childList: true, subtree: true });`);
  await reader.page.reload();
}

test('a collapsed widget marks nothing as read and does not say that somebody looks', async ({ people }) => {
  const elise = await people.inErp('elise', 'nordwerk', INVOICE);
  const frames: string[] = [];
  elise.page.on('websocket', (socket) => socket.on('framesent', ({ payload }) => frames.push(String(payload))));
  const marks: string[] = [];
  elise.page.on('request', (request) => request.url().endsWith('/read') && marks.push(request.url()));
  await elise.open();
  await elise.opens(/Invoice 00417/);
  const marco = await people.atRecord('marco', 'nordwerk', INVOICE);
  await marco.opens(/Invoice 00417/);
  // Open, it is read: the tests below would hold without that, too.
  const before = fresh('While you look');
  await marco.writes(before);
  await elise.sees(before);
  await expect.poll(() => marks.length).toBeGreaterThan(0);

  await elise.view.getByRole('button', { name: 'Collapse messages' }).click();
  await expect(elise.launcher).toBeVisible();
  await expect.poll(() => frames.at(-1)).toBe('{"type":"activity","active":false}');
  const [marked, said] = [marks.length, frames.length];
  const text = fresh('While you were away');
  await marco.writes(text);
  await expect(elise.view.getByText(text).first()).toBeAttached();
  // The tab comes to the front again. The launcher's news are asked for after anything that is on screen was counted as read.
  const news = elise.page.waitForResponse('**/api/v1/launcher');
  await elise.view.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
  expect((await (await news).json()).unread).toBeGreaterThan(0);
  expect(marks.slice(marked)).toEqual([]);
  expect(frames.slice(said).filter((frame) => frame.includes('"active":true'))).toEqual([]);
  await expect(elise.launcher).toHaveAccessibleName(/unread/);
});

test('a widget that is collapsed while it loads is not looked at', async ({ people }) => {
  const elise = await people.inErp('elise', 'nordwerk', INVOICE);
  const hellos: string[] = [];
  elise.page.on('websocket', (socket) => socket.on('framesent', ({ payload }) => String(payload).includes('"hello"') && hellos.push(String(payload))));
  let release: () => void = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  await elise.page.route('**/*.wasm', async (route) => {
    await held;
    await route.continue();
  });
  const asked = elise.page.waitForRequest('**/*.wasm');
  await elise.knocks(() => Promise.race([asked, expect(elise.launcher).toBeHidden({ timeout: 2_000 })]));
  await asked;
  await elise.page.evaluate(() => (document.querySelector('postil-messenger') as HTMLElement & { close(): void }).close());
  await expect(elise.launcher).toBeVisible();
  const before = hellos.length;
  release();
  await expect.poll(() => hellos.length).toBeGreaterThan(before);
  expect(JSON.parse(hellos.at(-1)!)).toMatchObject({ active: false });
});

test('a widget that opens by itself leaves the keyboard in the form of the ERP', async ({ people }) => {
  const elise = await people.inErp('elise', 'nordwerk', INVOICE);
  const bundle = elise.page.waitForResponse('**/*.wasm');
  await written(elise, (messenger) => {
    messenger.toggleAttribute('open', true);
    const form = document.createElement('label');
    form.append('Remark', document.createElement('textarea'));
    messenger.before(form);
  });
  const remark = elise.page.getByLabel('Remark');
  await remark.pressSequentially('Pay');
  await bundle;
  await elise.widget();
  await expect(elise.conversations.getByRole('button').first()).toBeVisible();
  await expect(remark).toBeFocused();
  await elise.page.keyboard.type(' on Friday');
  await expect(remark).toHaveValue('Pay on Friday');

  // Who asks for it gets it.
  const host = (verb: 'open' | 'close') => elise.page.evaluate((verb) => (document.querySelector('postil-messenger') as HTMLElement & Record<string, () => void>)[verb](), verb);
  await host('close');
  await expect(elise.launcher).toBeVisible();
  await host('open');
  await expect(elise.view.locator('.panel :focus')).toHaveCount(1);
  await expect(remark).not.toBeFocused();
});

test('what a reload restores does not take the keyboard; what a person opens does', async ({ people }) => {
  const elise = await people.atDesk('elise.fournier@alba.example');
  await elise.page.goto(`${URL_BASE}/widget`);
  await elise.open();
  await elise.opens('Nordwerk account, in-house');
  await expect(elise.composer).toBeFocused();
  await elise.page.reload();
  await expect(elise.view.getByTestId('message').first()).toBeVisible();
  await expect(elise.composer).toBeVisible();
  await expect(elise.composer).not.toBeFocused();
});

test('a session that ends is renewed once for all who ask, and the person notices nothing', async ({ people }) => {
  const elise = await people.atRecord('elise', 'nordwerk', INVOICE);
  let exchanges = 0;
  elise.page.on('request', (request) => request.url().endsWith('/embed/token') && (exchanges += 1));
  const session = await bearer(elise, () => elise.opens(/Invoice 00417/));
  await elise.view.getByRole('button', { name: 'Back to conversations' }).click();
  await end(session);
  // The socket, the conversation and its messages ask at once, each with the session that is over.
  await elise.opens('Month-end close');
  await expect(elise.view.getByTestId('message').first()).toBeVisible();
  const text = fresh('Still here');
  await elise.writes(text);
  await elise.sees(text);
  await expect(elise.view.getByTestId('failed')).toHaveCount(0);
  await expect(elise.view.getByTestId('strip')).toHaveCount(0);
  expect(exchanges).toBe(1);
  elise.noComplaints();
});

test('a renewal that fails is not a sign-out', async ({ people }) => {
  const elise = await people.atRecord('elise', 'nordwerk', INVOICE);
  const session = await bearer(elise, () => elise.opens(/Invoice 00417/));
  await elise.view.getByRole('button', { name: 'Back to conversations' }).click();
  await elise.page.route(TOKEN, (route) => route.fulfill({ status: 503 }));
  await end(session);
  await elise.row('Month-end close').click();
  const retry = elise.view.getByRole('button', { name: 'Try again' });
  await expect(retry).toBeVisible();
  await expect(elise.view.getByText("You're signed out")).toHaveCount(0);
  await elise.page.unroute(TOKEN);
  await retry.click();
  await expect(elise.view.getByTestId('message').first()).toBeVisible();
});

test('a session renewed for somebody else shows nothing of the former person and does nothing in the name of the new', async ({ people }) => {
  const elise = await people.inErp('elise', 'nordwerk', INVOICE);
  // The same browser became Marco meanwhile, and the ERP's backend signs for him.
  await elise.page.request.get(`${ERP}/demo/nordwerk/${INVOICE}?as=marco`);
  await elise.open();
  const session = await bearer(elise, () => elise.opens('Month-end close'));
  await expect(elise.view.getByTestId('message').first()).toBeVisible();
  await elise.page.route(TOKEN, (route) => route.continue({ url: route.request().url().replace('as=elise', 'as=marco') }));
  const sent: string[] = [];
  elise.page.on('request', (request) => {
    if (request.method() === 'POST' && request.url().endsWith('/messages')) sent.push(request.headers()['authorization']);
  });
  const text = fresh('Between us');
  const renewed = elise.page.waitForResponse('**/api/v1/embed/token');
  await elise.composer.fill(text);
  await end(session);
  await elise.composer.press('Enter');
  const { me, sessionToken } = await (await renewed).json();
  expect(me.name).toContain('Marco');
  await expect(elise.conversations.getByRole('button').first()).toBeVisible();
  await expect(elise.view.getByText(text)).toHaveCount(0);
  await expect(elise.composer).toHaveCount(0);
  // Marco's own way to his messages; what Élise wrote was sent by nobody.
  await elise.opens(/Invoice 00417/);
  await expect(elise.view.getByTestId('message').first()).toBeVisible();
  expect(sent.filter((authorization) => authorization === `Bearer ${sessionToken}`)).toEqual([]);
});

test('who could not be identified can try again', async ({ people }) => {
  const elise = await people.inErp('elise', 'nordwerk', INVOICE);
  await elise.page.route(TOKEN, (route) => route.fulfill({ status: 503 }));
  await elise.page.reload();
  await elise.widget();
  await elise.open();
  const alert = elise.view.getByRole('alert');
  await expect(alert).toContainText('No connection');
  await expect(elise.view.getByText("You're signed out")).toHaveCount(0);
  await elise.page.unroute(TOKEN);
  await alert.getByRole('button', { name: 'Try again' }).click();
  await expect(elise.conversations.getByRole('button').first()).toBeVisible();
});

test('whom the ERP does not know is signed out', async ({ people }) => {
  const elise = await people.inErp('elise', 'nordwerk', INVOICE);
  await elise.page.route(TOKEN, (route) => route.fulfill({ status: 401 }));
  await elise.page.reload();
  await elise.widget();
  await elise.open();
  await expect(elise.view.getByText("You're signed out")).toBeVisible();
});

test('a bundle that does not load is told on the launcher, until it does', async ({ people }) => {
  const elise = await people.inErp('elise', 'nordwerk', INVOICE);
  await elise.page.route('**/pkg/*.js*', (route) => route.abort());
  await elise.knocks(() => expect(elise.launcher).toContainText('Could not be loaded', { timeout: 5_000 }));
  // What the launcher shows anew keeps it.
  const news = elise.page.waitForResponse('**/api/v1/launcher');
  await elise.view.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
  await news;
  await expect(elise.launcher).toHaveAccessibleName(/Could not be loaded\. Try again/);
  await expect(elise.launcher).toContainText('Could not be loaded');
  await elise.page.unroute('**/pkg/*.js*');
  await elise.open();
  await expect(elise.conversations.getByRole('button').first()).toBeVisible();
  await expect(elise.launcher).not.toContainText('Could not be loaded');
});

test('a widget whose bundle a deploy took away loads itself afresh', async ({ people }) => {
  const elise = await people.inErp('elise', 'nordwerk', INVOICE);
  await elise.page.route('**/pkg/*.wasm', (route) => (elise.view.url().includes('again=') ? route.continue() : route.fulfill({ status: 404 })));
  await elise.open();
  await expect(elise.conversations.getByRole('button').first()).toBeVisible();
  expect(elise.view.url()).toContain('again=');
});

test('a bundle that is gone for good does not turn in circles', async ({ people }) => {
  const elise = await people.inErp('elise', 'nordwerk', INVOICE);
  await elise.page.route('**/pkg/*.wasm', (route) => route.fulfill({ status: 404 }));
  await elise.knocks(() => expect(elise.launcher).toContainText('Could not be loaded', { timeout: 5_000 }));
  expect(elise.view.url()).toContain('again=');
});

test('the full page says that it did not load, and reloads', async ({ people }) => {
  const katrin = await people.atDesk('katrin.vogel@nordwerk.example');
  await katrin.page.route('**/pkg/*.wasm', (route) => route.abort());
  await katrin.page.reload();
  const alert = katrin.page.getByRole('alert');
  await expect(alert).toContainText('did not load');
  await katrin.page.unroute('**/pkg/*.wasm');
  await alert.getByRole('button', { name: 'Reload' }).click();
  await expect(katrin.page.getByRole('alert')).toHaveCount(0);
  await katrin.opens('Line 4 retrofit');
});

test('a collapsed widget that was left in another tab shows nothing of the former company', async ({ people }) => {
  const elise = await people.atDesk('elise.fournier@alba.example');
  const tab = await elise.page.context().newPage();
  await tab.goto(`${URL_BASE}/widget`);
  const launcher = tab.getByTestId('launcher');
  await expect(launcher).toHaveAccessibleName(/unread/);
  await elise.switches('Nordwerk Industries');
  await expect(launcher).toHaveAccessibleName('Messages');
  await expect(launcher.locator('.avatar')).toHaveCount(0);
  expect(await tab.content()).not.toContain('Alba Trading');
  await expect(async () => {
    if (await launcher.isVisible()) await launcher.click({ timeout: 2_000 });
    await expect(launcher).toBeHidden({ timeout: 2_000 });
  }).toPass();
  await expect(tab.getByTestId('company')).toContainText('Nordwerk Industries');
});

test('a widget that switches has the launcher of its company', async ({ people }) => {
  const elise = await people.atDesk('elise.fournier@alba.example');
  await elise.page.goto(`${URL_BASE}/widget`);
  await elise.open();
  const hue = () => elise.page.locator('#postil-launcher').getAttribute('class');
  const former = await hue();
  await elise.switches('Nordwerk Industries');
  await expect.poll(hue).not.toBe(former);
  const news = elise.page.waitForResponse('**/api/v1/launcher');
  await elise.view.getByRole('button', { name: 'Collapse messages' }).click();
  expect((await news).status()).toBe(200);
  expect((await news).request().headers()['x-postil-company']).toBe(COMPANY.nordwerk);
});

test('a widget that moves within the page still learns that the window is narrow', async ({ people }) => {
  const elise = await people.atRecord('elise', 'nordwerk', INVOICE);
  const former = elise.page.waitForEvent('framedetached');
  await elise.page.evaluate(() => document.body.prepend(document.querySelector('postil-messenger')!));
  await former;
  await elise.widget();
  await expect(elise.launcher).toBeVisible();
  await elise.open();
  await expect(elise.conversations.getByRole('button').first()).toBeVisible();
  await elise.page.setViewportSize({ width: 400, height: 700 });
  await expect(elise.view.locator('html.is-full')).toHaveCount(1);
});

test('a host without a token-url is told so once, and nobody is asked for a token', async ({ people }) => {
  const elise = await people.inErp('elise', 'nordwerk', INVOICE);
  const [asked, said]: string[][] = [[], []];
  elise.page.on('request', (request) => request.url().endsWith('/null') && asked.push(request.url()));
  elise.page.on('console', (message) => message.text().includes('token-url') && said.push(message.text()));
  await written(elise, (messenger) => messenger.removeAttribute('token-url'));
  await elise.widget();
  await elise.open();
  await expect(elise.view.getByText("You're signed out")).toBeVisible();
  expect(asked).toEqual([]);
  expect(said).toHaveLength(1);
});
