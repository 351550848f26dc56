// A collapsed widget costs nothing; and the picture for the README.
import type { BrowserContext, Page, Request } from '@playwright/test';
import { ERP, URL_BASE, expect, test } from './people';

/** What comes to a context from Postil: for every frame, of whatever process, and every socket. */
class Scale {
  private readonly underWay = new Set<Request>();
  private readonly arrived: Request[] = [];
  private heard = 0;
  sockets = 0;

  constructor(private readonly context: BrowserContext) {
    context.on('request', (request) => this.underWay.add(request));
    context.on('requestfailed', (request) => this.underWay.delete(request));
    context.on('requestfinished', (request) => {
      this.underWay.delete(request);
      // The demo ERP is served beside Postil, but by another name: what it weighs is its own business.
      if (new URL(request.url()).origin === new URL(URL_BASE).origin) this.arrived.push(request);
    });
    context.on('page', (page) => this.listens(page));
  }

  private listens(page: Page): void {
    page.on('websocket', (socket) => {
      this.sockets += 1;
      socket.on('framereceived', ({ payload }) => (this.heard += Buffer.byteLength(payload)));
    });
  }

  /** Every request with the bytes of its answer, head and compressed body, when none is under way any more. */
  async requests(): Promise<{ url: string; bytes: number }[]> {
    await expect.poll(() => this.underWay.size).toBe(0);
    // Workers fetch past the events above.
    expect([...this.context.serviceWorkers(), ...this.context.pages().flatMap((page) => page.workers())]).toEqual([]);
    return Promise.all(
      this.arrived.map(async (request) => {
        const { responseHeadersSize, responseBodySize } = await request.sizes();
        return { url: request.url(), bytes: responseHeadersSize + responseBodySize };
      }),
    );
  }

  /** Bytes of the frames that the sockets received. */
  get frames(): number {
    return this.heard;
  }
}

test('a collapsed widget fetches no WASM and at most 20 kB', async ({ browser }) => {
  const context = await browser.newContext();
  const scale = new Scale(context);
  const page = await context.newPage();
  await page.goto(`${ERP}/demo/nordwerk/transaction/INV-2026-00417?as=elise`);
  await expect.poll(() => page.frames().some((frame) => frame.url().includes('/widget'))).toBe(true);
  const frame = page.frames().find((one) => one.url().includes('/widget'))!;
  await expect(frame.getByTestId('launcher')).toBeVisible();
  // The badge comes last, then the socket: everything before it has been fetched.
  await expect(frame.getByTestId('launcher')).toHaveAccessibleName(/unread/);
  await expect.poll(() => scale.frames).toBeGreaterThan(0);

  const requests = await scale.requests();
  const total = requests.reduce((sum, one) => sum + one.bytes, scale.frames);
  console.log(`collapsed: ${total} bytes in ${requests.length} requests and ${scale.sockets} socket`);
  // That the scale holds what is weighed: the page's part and the frame's.
  for (const path of ['/embed.js', '/widget?', '/api/v1/embed/token']) {
    expect(requests.filter((one) => one.url.startsWith(URL_BASE + path)), path).toHaveLength(1);
  }
  expect(requests.filter((one) => one.bytes < 100)).toEqual([]);
  expect(requests.filter((one) => one.url.endsWith('.css'))).toHaveLength(1);
  expect(requests.filter((one) => one.url.endsWith('.wasm'))).toEqual([]);
  expect(total).toBeLessThanOrEqual(20_000);
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
