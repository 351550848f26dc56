// The people of the seed, each with a browser context of their own, and what they do.
import { expect, test as base, type APIRequestContext, type Browser, type BrowserContext, type Frame, type Locator, type Page } from '@playwright/test';

export const URL_BASE = process.env.POSTIL_URL ?? 'http://localhost:3000';
/** The demo ERP is another site than Postil: the widget in it is as foreign as at a customer's. */
export const ERP = URL_BASE.replace('//localhost', '//127.0.0.1');
export const PASSWORD = 'postil-dev-password';

export const COMPANY = { nordwerk: 'cmp_019bb19dd40070008000000000000001', alba: 'cmp_019bb19dd40070008000000000000002' };

export const HEADERS = { Origin: URL_BASE, 'X-Postil-Csrf': '1' };

/** The company that an address of the seed belongs to. */
const home = (email: string) =>
  email.endsWith('@nordwerk.example') ? { id: COMPANY.nordwerk, name: 'Nordwerk Industries' } : { id: COMPANY.alba, name: 'Alba Trading' };

/**
 * Begins a session at home. Attempts at one account are counted, and tests sign the same few people in over and over: who is
 * told to come later comes then.
 */
export async function signIn(door: APIRequestContext, email: string): Promise<void> {
  const attempt = () => door.post(`${URL_BASE}/api/v1/session`, { headers: HEADERS, data: { email, password: PASSWORD } });
  let answer = await attempt();
  if (answer.status() === 429) {
    const seconds = Number(answer.headers()['retry-after']);
    expect(seconds).toBeLessThanOrEqual(60);
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    answer = await attempt();
  }
  expect(answer.ok(), await answer.text()).toBe(true);
  // A session begins in the first of the person's companies by name.
  if ((await answer.json()).companyId === home(email).id) return;
  const there = await door.post(`${URL_BASE}/api/v1/context/switch-company`, { headers: HEADERS, data: { companyId: home(email).id } });
  expect(there.ok(), await there.text()).toBe(true);
}

/** Where someone reads and writes: the full page, or the widget's frame. */
export class Reader {
  /** Everything the console said that it should not have. */
  readonly complaints: string[] = [];

  constructor(readonly page: Page, private frame: Frame | null = null) {
    page.on('pageerror', (error) => this.complaints.push(String(error)));
    page.on('console', (message) => {
      // A refused request is what some tests are about; the browser logs each.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) this.complaints.push(message.text());
    });
  }

  get view(): Page | Frame {
    return this.frame ?? this.page;
  }

  async widget(): Promise<Frame> {
    await expect.poll(() => this.page.frames().some((frame) => frame.url().includes('/widget'))).toBe(true);
    this.frame = this.page.frames().find((frame) => frame.url().includes('/widget'))!;
    return this.frame;
  }

  get launcher(): Locator {
    return this.view.getByTestId('launcher');
  }

  get conversations(): Locator {
    return this.view.getByTestId('conversations');
  }

  get log(): Locator {
    return this.view.getByTestId('log');
  }

  get composer(): Locator {
    return this.view.getByRole('textbox', { name: /^Message to/ });
  }

  message(text: string | RegExp): Locator {
    return this.view.getByTestId('message').filter({ hasText: text }).last();
  }

  row(title: string | RegExp): Locator {
    return this.conversations.getByRole('button').filter({ hasText: title }).first();
  }

  /**
   * Opens the widget as a person does. A frame of another site hears no mouse before the browser has drawn it once: until
   * then a click goes to the host's page beneath it, without a trace here. A person sees the launcher first.
   */
  async open(): Promise<void> {
    await expect(async () => {
      if (await this.launcher.isVisible()) await this.launcher.click({ timeout: 2_000 });
      await expect(this.launcher).toBeHidden({ timeout: 2_000 });
    }).toPass({ timeout: 15_000 });
  }

  /** Presses the launcher until that is heard (see `open`), where the widget isn't expected to open. */
  async knocks(heard: () => Promise<unknown>): Promise<void> {
    await expect(async () => {
      await this.launcher.click({ timeout: 2_000 });
      await heard();
    }).toPass({ timeout: 15_000 });
  }

  /** Waits until the page hears what one does: the seed goes the moment it is taken over. */
  async isAwake(): Promise<void> {
    await expect(this.view.locator('#postil-seed')).toHaveCount(0);
  }

  async opens(title: string | RegExp): Promise<void> {
    await this.isAwake();
    await this.row(title).click();
    await expect(this.log).toBeVisible();
    await expect(this.composer).toBeVisible();
  }

  async writes(text: string): Promise<void> {
    await this.composer.fill(text);
    await this.composer.press('Enter');
  }

  async answers(to: string | RegExp, text: string): Promise<void> {
    await this.startsReply(to);
    const box = this.view.getByRole('textbox', { name: /^Reply to/ });
    await box.fill(text);
    await box.press('Enter');
  }

  async startsReply(to: string | RegExp): Promise<void> {
    await this.acts(to, 'Reply');
  }

  /** Uses one of the message's own actions, as someone with a mouse does. */
  async acts(on: string | RegExp, action: string | RegExp): Promise<void> {
    const message = this.message(on);
    await message.scrollIntoViewIfNeeded();
    await message.hover();
    await message.getByRole('group', { name: /^Actions/ }).getByRole('button', { name: action }).click();
  }

  /** Goes to another of the person's companies, the way people do. */
  async switches(to: string): Promise<void> {
    await this.view.getByTestId('company').click();
    const dialog = this.view.getByRole('dialog');
    await expect(dialog).toContainText(/Nothing from .* is loaded/);
    await dialog.getByRole('button').filter({ hasText: to }).click();
    await expect(this.view.getByTestId('company')).toContainText(to);
    await expect(this.conversations.getByRole('button').first()).toBeVisible();
  }

  /** Waits until the message is there. */
  async sees(text: string | RegExp): Promise<void> {
    await expect(this.message(text)).toBeVisible();
  }

  noComplaints(): void {
    expect(this.complaints).toEqual([]);
  }
}

export class People {
  private contexts: BrowserContext[] = [];

  constructor(private browser: Browser) {}

  private async context(options: Parameters<Browser['newContext']>[0] = {}): Promise<BrowserContext> {
    const context = await this.browser.newContext({ locale: 'en-GB', timezoneId: 'Europe/Berlin', ...options });
    this.contexts.push(context);
    return context;
  }

  /**
   * Someone at the full page, signed in by password; at home in the company that their address names. The form of that
   * page has tests of its own.
   */
  async atDesk(email: string, options: Parameters<Browser['newContext']>[0] = {}): Promise<Reader> {
    const page = await (await this.context(options)).newPage();
    const reader = new Reader(page);
    await signIn(page.context().request, email);
    await page.goto(`${URL_BASE}/messages`);
    await expect(reader.conversations.getByRole('button').first()).toBeVisible();
    await expect(reader.view.getByTestId('company')).toContainText(home(email).name);
    return reader;
  }

  /** Someone at a record in the demo ERP, whose page embeds the widget. */
  async inErp(who: string, company: 'nordwerk' | 'alba', record: string, options: Parameters<Browser['newContext']>[0] = {}): Promise<Reader> {
    const page = await (await this.context(options)).newPage();
    const reader = new Reader(page);
    await page.goto(`${ERP}/demo/${company}/${record}?as=${who}`);
    await reader.widget();
    await expect(reader.launcher).toBeVisible();
    return reader;
  }

  /** Likewise, with the widget open on the talk about that record. */
  async atRecord(who: string, company: 'nordwerk' | 'alba', record: string, options: Parameters<Browser['newContext']>[0] = {}): Promise<Reader> {
    const reader = await this.inErp(who, company, record, options);
    await reader.open();
    await expect(reader.view.getByTestId('company')).toBeVisible();
    await expect(reader.conversations.getByRole('button').first().or(reader.log)).toBeVisible();
    return reader;
  }

  async close(): Promise<void> {
    for (const context of this.contexts) await context.close();
  }
}

/** A text that no other test and no former run has written. */
let counter = 0;
export function fresh(text: string): string {
  counter += 1;
  return `${text} ${Date.now().toString(36)}${counter}`;
}

export const test = base.extend<{ people: People }>({
  people: async ({ browser }, use) => {
    const people = new People(browser);
    await use(people);
    await people.close();
  },
});

export { expect };
