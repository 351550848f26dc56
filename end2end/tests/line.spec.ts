// Bad lines: sockets that die silently, answers that never come, two tabs with unsent messages, a slow first load.
import type { Page, WebSocketRoute } from '@playwright/test';

import { expect, fresh, test, URL_BASE } from './people';

interface Line {
  /** Sockets opened so far. */
  sockets: number;
  /** Frames that arrived from the server, by type. */
  heard: Record<string, number>;
  /** The last position in the stream. */
  cursor: string;
  /** The first socket passes nothing on any more, and nobody is told. */
  dead: boolean;
  tell: (frame: object) => void;
}

/** Listens in on the page's sockets, from its next load on. */
async function tap(page: Page): Promise<Line> {
  const line: Line = { sockets: 0, heard: {}, cursor: '', dead: false, tell: () => {} };
  await page.routeWebSocket(/\/api\/v1\/realtime/, (client: WebSocketRoute) => {
    line.sockets += 1;
    const first = line.sockets === 1;
    const server = client.connectToServer();
    line.tell = (frame) => client.send(JSON.stringify(frame));
    client.onMessage((text) => {
      if (!(first && line.dead)) server.send(text);
    });
    server.onMessage((text) => {
      if (first && line.dead) return;
      const frame = JSON.parse(String(text));
      line.heard[frame.type] = (line.heard[frame.type] ?? 0) + 1;
      line.cursor = frame.cursor ?? line.cursor;
      client.send(text);
    });
  });
  return line;
}

test('a socket that falls silent is given up within a minute, one that answers is kept', async ({ people }) => {
  const katrin = await people.atDesk('katrin.vogel@nordwerk.example');
  const line = await tap(katrin.page);
  await katrin.page.clock.install();
  await katrin.page.reload();
  await expect.poll(() => line.heard.welcome).toBe(1);
  for (let minute = 0; minute < 5; minute += 1) {
    const before = line.heard.pong ?? 0;
    await katrin.page.clock.runFor(20_000);
    await expect.poll(() => line.heard.pong ?? 0).toBeGreaterThan(before);
  }
  expect(line.sockets).toBe(1);

  line.dead = true;
  await katrin.page.clock.runFor(60_000);
  await expect.poll(() => line.heard.welcome).toBe(2);
  expect(line.sockets).toBe(2);
});

test('a network that comes back gets a new socket, whatever the old one says', async ({ people }) => {
  const katrin = await people.atDesk('katrin.vogel@nordwerk.example');
  const line = await tap(katrin.page);
  await katrin.page.reload();
  await expect.poll(() => line.heard.welcome).toBe(1);
  await katrin.page.evaluate(() => dispatchEvent(new Event('online')));
  await expect.poll(() => line.heard.welcome).toBe(2);
  await expect(katrin.view.getByTestId('strip')).toHaveCount(0);
});

test('one outage after the other polls once at a time', async ({ people }) => {
  const katrin = await people.atDesk('katrin.vogel@nordwerk.example');
  let refused = true;
  let sockets = 0;
  let open: WebSocketRoute | undefined;
  await katrin.page.routeWebSocket(/\/api\/v1\/realtime/, (client) => {
    sockets += 1;
    if (refused) return void client.close({ code: 1011 });
    open = client;
    client.connectToServer();
  });
  const beats: number[] = [];
  const clock = katrin.page.clock;
  await katrin.page.route('**/api/v1/presence/heartbeat', async (route) => {
    beats.push(await katrin.page.evaluate(() => Date.now()));
    await route.continue();
  });
  await clock.install();
  await katrin.page.reload();
  const outage = async () => {
    const before = beats.length;
    await expect(async () => {
      await clock.runFor(2_000);
      expect(beats.length).toBeGreaterThan(before);
    }).toPass({ intervals: [20] });
  };
  await outage();
  // Back for a moment, and away again before the first outage's timer is due.
  refused = false;
  const again = katrin.view.getByRole('button', { name: 'Try now' });
  await expect(async () => {
    // The next try by itself may come first, and takes the button away.
    if (await again.count()) await again.click({ timeout: 1_000 });
    expect(open).toBeDefined();
    await expect(katrin.view.getByTestId('strip')).toHaveCount(0, { timeout: 1_000 });
  }).toPass();
  refused = true;
  await open!.close({ code: 1011 });
  await outage();
  const first = beats.length;
  await clock.runFor(60_000);
  // 15 to 19 seconds apart: at most four in a minute, where two loops would make six and more.
  await expect.poll(() => beats.length).toBeGreaterThanOrEqual(first + 3);
  expect(beats.length - first).toBeLessThanOrEqual(4);
  expect(sockets).toBeGreaterThan(4);
  await expect(katrin.view.getByTestId('strip')).toContainText('every 15 to 18 seconds');
});

test('a record that could not be looked up is looked up again', async ({ people }) => {
  const miriam = await people.atDesk('miriam.adler@nordwerk.example');
  let lost = 0;
  await miriam.page.route('**/api/v1/records/resolve', async (route) => {
    lost += 1;
    await (lost === 1 ? route.abort('connectionreset') : route.continue());
  });
  await miriam.opens('Month-end close');
  const text = fresh('See #topic/POL-TRAVEL');
  await miriam.writes(text);
  await expect(miriam.message(text.split(' ').pop()!)).toContainText('Travel policy');
  expect(lost).toBeGreaterThan(1);
});

test('a record that is withdrawn leaves its chips', async ({ people }) => {
  const miriam = await people.atDesk('miriam.adler@nordwerk.example');
  const line = await tap(miriam.page);
  await miriam.opens('Month-end close');
  await miriam.page.reload();
  await expect.poll(() => line.heard.welcome).toBe(1);
  const text = fresh('Booked as #transaction/SET-2026-003');
  await miriam.writes(text);
  const message = miriam.message(text.split(' ').pop()!);
  await expect(message).toContainText('Hartmann');

  let asked = 0;
  let answer: () => void = () => {};
  const answered = new Promise<void>((resolve) => (answer = resolve));
  await miriam.page.route('**/api/v1/records/resolve', async (route) => {
    asked += 1;
    await answered;
    await route.fulfill({ json: { items: [] } });
  });
  line.tell({ type: 'access.revoked', cursor: line.cursor, conversationIds: [], records: [{ kind: 'transaction', id: 'SET-2026-003' }] });
  // At once, whether or not the question what is left of it gets an answer.
  await expect(message).not.toContainText('Hartmann');
  await expect.poll(() => asked).toBe(1);
  answer();
  await expect(message).toContainText('Restricted transaction');

  // What was missed may have been a withdrawal: all that is known is asked for again.
  await miriam.page.unroute('**/api/v1/records/resolve');
  line.tell({ type: 'resync', cursor: line.cursor });
  await expect(message).toContainText('Hartmann');
});

test('two tabs keep their unsent messages apart, and what both restore is sent once, in order', async ({ people }) => {
  const katrin = await people.atDesk('katrin.vogel@nordwerk.example');
  const miriam = await people.atDesk('miriam.adler@nordwerk.example');
  await katrin.opens('Miriam Adler');
  await miriam.opens('Katrin Vogel');
  const address = katrin.page.url();
  const context = katrin.page.context();
  let cut = true;
  const keys: string[] = [];
  let release: () => void = () => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  await context.route('**/api/v1/messages', async (route) => {
    if (route.request().method() !== 'POST') return route.continue();
    if (cut) return route.abort('connectionreset');
    keys.push(route.request().headers()['idempotency-key']!);
    await released;
    await route.continue();
  });
  const [first, second] = [fresh('From the first tab'), fresh('From the second tab')];
  await katrin.writes(first);
  await expect(katrin.message(first)).toContainText('Waiting for the connection');
  const other = await context.newPage();
  await other.goto(address);
  // The second tab restores what the first has written, and writes on.
  const box = other.getByRole('textbox', { name: /^Message to/ });
  await expect(other.getByRole('button', { name: 'Send', exact: true })).not.toHaveAttribute('disabled');
  await box.fill(second);
  await box.press('Enter');
  await expect(other.getByTestId('message').filter({ hasText: second })).toBeVisible();
  const third = fresh('From the first tab again');
  await katrin.writes(third);
  const stored = (page: Page) => page.evaluate(() => Object.keys(localStorage).filter((key) => key.includes(':outbox:')).length);
  await expect.poll(() => stored(katrin.page)).toBe(3);

  // Both tabs are closed; two others begin with the same three messages, and send the same one at the same time. They are led
  // away first: a request that is held back while its page closes is let through, so that one message would be there already.
  for (const page of [other, katrin.page]) {
    await page.goto('about:blank');
    await page.close();
  }
  cut = false;
  const tabs = [await context.newPage(), await context.newPage()];
  await Promise.all(tabs.map((tab) => tab.goto(address)));
  await expect.poll(() => keys.length).toBe(2);
  expect(keys[0]).toBe(keys[1]);
  release();
  for (const text of [first, second, third]) await miriam.sees(text);
  await expect.poll(() => stored(tabs[0]!)).toBe(0);
  const arrived = await miriam.view.getByTestId('message').allInnerTexts();
  const order = arrived.flatMap((shown) => [first, second, third].filter((text) => shown.includes(text)));
  expect(order).toEqual([first, second, third]);
  for (const tab of tabs) {
    for (const text of [first, second, third]) await expect(tab.getByTestId('message').filter({ hasText: text })).toHaveCount(1);
  }
});

test('a stored copy of a message that did arrive goes, though the tab that sent it is gone', async ({ people }) => {
  const katrin = await people.atDesk('katrin.vogel@nordwerk.example');
  await katrin.opens('Miriam Adler');
  const copies = () => katrin.page.evaluate(() => Object.entries(localStorage).filter(([key]) => key.includes(':outbox:')));
  await katrin.page.route('**/api/v1/messages', (route) =>
    route.request().method() === 'POST' ? route.abort('connectionreset') : route.continue());
  const text = fresh('Arrived, and never told so');
  await katrin.writes(text);
  await expect(katrin.message(text)).toContainText('Waiting for the connection');
  const [[key, copy]] = (await copies()) as [[string, string]];
  await katrin.page.unroute('**/api/v1/messages');
  await expect.poll(async () => (await copies()).length, { timeout: 30_000 }).toBe(0);

  // As a tab leaves it that was closed between the server's taking the message and its answer.
  await katrin.page.evaluate(([key, copy]) => localStorage.setItem(key!, copy!), [key, copy]);
  await katrin.page.reload();
  await expect.poll(async () => (await copies()).length).toBe(0);
  await expect(katrin.message(text)).toHaveCount(1);
});

test('what is typed before the page has woken up is kept, and can be sent then', async ({ people }) => {
  const katrin = await people.atDesk('katrin.vogel@nordwerk.example');
  await katrin.opens('Miriam Adler');
  let wake: () => void = () => {};
  const woken = new Promise<void>((resolve) => (wake = resolve));
  await katrin.page.route('**/*.wasm', async (route) => {
    await woken;
    await route.continue();
  });
  await katrin.page.reload({ waitUntil: 'commit' });
  const text = fresh('Written at once');
  await katrin.composer.fill(text);
  const send = katrin.view.getByRole('button', { name: 'Send', exact: true });
  await expect(send).toBeDisabled();
  wake();
  await expect(send).toBeEnabled();
  await expect(katrin.composer).toHaveValue(text);
  await send.click();
  await katrin.sees(text);
  await expect(katrin.composer).toHaveValue('');

  // A draft from before is not lost to it either.
  const draft = fresh('A draft');
  await katrin.composer.fill(draft);
  let again: () => void = () => {};
  const wokenAgain = new Promise<void>((resolve) => (again = resolve));
  await katrin.page.unroute('**/*.wasm');
  await katrin.page.route('**/*.wasm', async (route) => {
    await wokenAgain;
    await route.continue();
  });
  await katrin.page.reload({ waitUntil: 'commit' });
  await katrin.composer.fill(text);
  again();
  await expect(katrin.composer).toHaveValue(`${draft}\n${text}`);
  await katrin.composer.fill('');
  katrin.noComplaints();
});

test('signing out says when it fails, asks before unsent messages are lost, and is done when the session is gone', async ({ people }) => {
  const katrin = await people.atDesk('katrin.vogel@nordwerk.example');
  await katrin.opens('Miriam Adler');
  const out = katrin.view.getByRole('button', { name: 'Sign out' });
  let answers = 0;
  await katrin.page.route('**/api/v1/session', async (route) => {
    answers += 1;
    if (answers === 1) return route.abort('connectionreset');
    // Somebody ended it elsewhere: the server knows this session no more.
    await route.fetch();
    await route.continue();
  });
  await out.click();
  await expect(katrin.view.getByRole('alert')).toContainText("You're still signed in. No connection.");
  await expect(katrin.log).toBeVisible();

  await katrin.page.route('**/api/v1/messages', (route) => (route.request().method() === 'POST' ? route.abort('connectionreset') : route.continue()));
  const unsent = fresh('Not gone yet');
  await katrin.writes(unsent);
  await out.click();
  const dialog = katrin.view.getByRole('dialog');
  await expect(dialog).toContainText('1 message is not sent yet');
  await dialog.getByRole('button', { name: 'Stay' }).click();
  await expect(katrin.message(unsent)).toBeVisible();
  await out.click();
  await dialog.getByRole('button', { name: 'Sign out' }).click();
  await expect(katrin.page.getByRole('link', { name: 'Sign in' })).toBeVisible();
  expect(answers).toBe(2);
  expect(await katrin.page.evaluate(() => JSON.stringify({ ...localStorage }))).not.toContain(unsent);
});

test('sign-in names the field that is wrong and goes there', async ({ browser }) => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${URL_BASE}/sign-in`);
  await page.getByLabel('E-mail').fill('katrin');
  await page.getByLabel('Password').fill('x');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('alert')).toContainText('E-mail is not an e-mail address');
  await expect(page.getByLabel('E-mail')).toBeFocused();
  await page.getByLabel('E-mail').fill('nobody@nordwerk.example');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('alert')).toContainText('E-mail or password is wrong.');
  await expect(page.getByLabel('Password')).toBeFocused();
  await context.close();
});

test('a click before the page has woken up is done when it has', async ({ people }) => {
  const miriam = await people.atDesk('miriam.adler@nordwerk.example');
  let wake: () => void = () => {};
  const woken = new Promise<void>((resolve) => (wake = resolve));
  await miriam.page.route('**/*.wasm', async (route) => {
    await woken;
    await route.continue();
  });
  await miriam.page.reload();
  await miriam.view.getByTestId('company').click();
  const dialog = miriam.view.getByRole('dialog');
  await expect(dialog).toHaveCount(0);
  wake();
  await expect(dialog).toContainText(/Nothing from .* is loaded/);
});
