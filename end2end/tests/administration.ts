// What the tests of administration share: who they are, what they look at, and the seed as it was before each of them.
import AxeBuilder from '@axe-core/playwright';
import { request, type APIRequestContext, type Page } from '@playwright/test';

import { COMPANY, expect, HEADERS as OWN_SITE, signIn, test as base, URL_BASE, type People, type Reader } from './people';

export const OWNER = 'katrin.vogel@nordwerk.example';
export const HEADERS = { ...OWN_SITE, 'X-Postil-Company': COMPANY.nordwerk };

/** Someone on an administration page that hears what one does. */
export async function administers(people: People, section: string, options: Parameters<People['atDesk']>[1] = {}, email = OWNER): Promise<Reader> {
  const reader = await people.atDesk(email, options);
  await goes(reader, section);
  return reader;
}

export async function goes(reader: Reader, section: string): Promise<void> {
  await reader.page.goto(`${URL_BASE}/admin/${section}`);
  await reader.isAwake();
}

export async function clean(page: Page, state: string): Promise<void> {
  const results = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']).analyze();
  const found = results.violations.map((one) => `${one.id}: ${one.nodes.map((node) => `${node.target.join(' ')} ${node.failureSummary}`).join(' | ')}`);
  expect(found, state).toEqual([]);
}

export const dialog = (page: Page) => page.getByRole('dialog');
export const notice = (page: Page) => page.getByTestId('notice');

/**
 * What does not fit: the document is wider than the window, or a control is cut off by what it is in, stands out of it,
 * holds more than it shows, or lies over another. What scrolls to the side by itself may be wider.
 */
export function misfits(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const found: string[] = [];
    const root = document.documentElement;
    if (root.scrollWidth > root.clientWidth) found.push(`the document is ${root.scrollWidth} wide in ${root.clientWidth}`);
    const name = (of: Element) => `${of.tagName.toLowerCase()}.${of.className} “${(of.getAttribute('aria-label') ?? of.textContent ?? '').trim().slice(0, 40)}”`;
    const scrolls = (of: Element) => /auto|scroll/.test(getComputedStyle(of).overflowX) && of.scrollWidth > of.clientWidth;
    const cuts = (of: Element) => /hidden|clip/.test(getComputedStyle(of).overflowX);
    const open = document.querySelector('dialog[open]');
    const controls = [...(open ?? document).querySelectorAll('a[href], button, input, select, textarea, summary')].filter(
      (one) => one.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && !one.matches('.skip-link') && one.getBoundingClientRect().width > 1,
    );
    for (const one of controls) {
      const box = one.getBoundingClientRect();
      let inside = true;
      for (let around = one.parentElement; around && around !== document.body; around = around.parentElement) {
        if (scrolls(around)) {
          inside = false;
          break;
        }
        const edge = around.getBoundingClientRect();
        // An inline element has no box of its own to stand out of.
        const bounds = cuts(around) || around.matches('.entry, .form-field, .admin-tools, form, section, dialog, header, main');
        if (bounds && (box.left < edge.left - 1 || box.right > edge.right + 1)) found.push(`${name(one)} stands out of ${name(around)}`);
      }
      if (inside && (box.left < -1 || box.right > root.clientWidth + 1)) found.push(`${name(one)} is cut off by the window`);
      const text = !one.matches('input, select, textarea');
      if (text && getComputedStyle(one).display !== 'inline' && one.scrollWidth > one.clientWidth + 1) found.push(`${name(one)} holds more than it shows`);
    }
    // Line by line, because a link may go over two.
    const lines = controls.map((one) => [...one.getClientRects()]);
    for (let a = 0; a < controls.length; a++) {
      for (let b = a + 1; b < controls.length; b++) {
        if (controls[a].contains(controls[b]) || controls[b].contains(controls[a])) continue;
        const over = lines[a].some((x) => lines[b].some((y) => Math.min(x.right, y.right) - Math.max(x.left, y.left) > 1 && Math.min(x.bottom, y.bottom) - Math.max(x.top, y.top) > 1));
        if (over) found.push(`${name(controls[a])} lies over ${name(controls[b])}`);
      }
    }
    return found;
  });
}

/** Nothing is cut off, from left to right and from right to left. */
export async function fits(page: Page, state: string): Promise<void> {
  for (const dir of ['rtl', 'ltr']) {
    await page.evaluate((dir) => document.documentElement.setAttribute('dir', dir), dir);
    expect(await misfits(page), `${state}, ${dir}`).toEqual([]);
  }
}

type Member = { id: string; role: string; kind: string; status: string; departmentId?: string; projectIds: string[]; version: number };

/** What tests of administration change, over REST: as it was, and so again. */
class Seed {
  private constructor(private owner: APIRequestContext, private author: APIRequestContext) {}

  private members: Member[] = [];
  private policy = '';
  private invitations: string[] = [];
  private words: unknown[] = [];
  private settings: Record<string, number> = {};
  private cases: string[] = [];

  static async signedIn(): Promise<Seed> {
    return new Seed(await Seed.as(OWNER), await Seed.as('miriam.adler@nordwerk.example'));
  }

  private static async as(email: string): Promise<APIRequestContext> {
    const door = await request.newContext({ extraHTTPHeaders: HEADERS });
    await signIn(door, email);
    return door;
  }

  private async get(path: string, as = this.owner) {
    const answer = await as.get(`${URL_BASE}/api/v1${path}`);
    expect(answer.ok(), `${path}: ${await answer.text()}`).toBe(true);
    return answer.json();
  }

  private async does(method: string, path: string, data?: object, as = this.owner): Promise<void> {
    const answer = await as.fetch(`${URL_BASE}/api/v1${path}`, { method, data });
    expect(answer.ok(), `${method} ${path}: ${await answer.text()}`).toBe(true);
  }

  /** Everything of a list. */
  private async all<T>(path: string): Promise<T[]> {
    const items: T[] = [];
    for (let cursor = ''; ; ) {
      const page = await this.get(`${path}${path.includes('?') ? '&' : '?'}limit=100${cursor}`);
      items.push(...page.items);
      if (!page.nextCursor) return items;
      cursor = `&cursor=${encodeURIComponent(page.nextCursor)}`;
    }
  }

  private openCases = async () => (await this.all<{ messageId: string }>('/moderation/reports?state=open')).map((one) => one.messageId);

  async remembers(): Promise<void> {
    this.members = await this.all<Member>('/admin/members');
    this.policy = JSON.stringify((await this.get('/admin/policy')).document);
    this.invitations = (await this.all<{ id: string }>('/admin/invitations')).map((one) => one.id);
    this.words = (await this.get('/admin/words')).entries;
    const { version: _, ...settings } = await this.get('/admin/settings');
    this.settings = settings;
    this.cases = await this.openCases();
  }

  async restores(): Promise<void> {
    const former = new Map(this.members.map((one) => [one.id, one]));
    for (const now of await this.all<Member>('/admin/members')) {
      const was = former.get(now.id);
      // Who accepted an invitation meanwhile can't be unmade: they are out of the company.
      const { role, kind, status, departmentId, projectIds } = was ?? { ...now, status: 'deactivated' };
      const of = (one: Member) => JSON.stringify([one.role, one.kind, one.status, one.departmentId, [...one.projectIds].sort()]);
      if (of(now) === of({ ...now, role, kind, status, departmentId, projectIds })) continue;
      await this.does('PATCH', `/admin/members/${now.id}`, { version: now.version, role, kind, status, departmentId: departmentId ?? null, projectIds });
    }
    const policy = await this.get('/admin/policy');
    if (JSON.stringify(policy.document) !== this.policy) {
      await this.does('PUT', '/admin/policy', { document: JSON.parse(this.policy), comment: 'As before the test', baseVersion: policy.version });
    }
    for (const { id } of await this.all<{ id: string }>('/admin/invitations')) {
      if (!this.invitations.includes(id)) await this.does('DELETE', `/admin/invitations/${id}`);
    }
    const words = await this.get('/admin/words');
    if (JSON.stringify(words.entries) !== JSON.stringify(this.words)) {
      await this.does('PUT', '/admin/words', { entries: this.words, baseVersion: words.version });
    }
    const { version, ...settings } = await this.get('/admin/settings');
    if (JSON.stringify(settings) !== JSON.stringify(this.settings)) await this.does('PATCH', '/admin/settings', { version, ...this.settings });
    for (const message of await this.openCases()) {
      if (this.cases.includes(message)) continue;
      for (const act of ['restore', 'unmute', 'resolve']) {
        await this.does('POST', `/moderation/reports/${message}/acts`, { act, reason: 'As before the test' });
      }
    }
    for (const notice of (await this.get('/moderation/notices', this.author)).items) {
      await this.does('POST', `/moderation/notices/${notice.id}/acknowledge`, undefined, this.author);
    }
  }

  async leaves(): Promise<void> {
    for (const door of [this.owner, this.author]) await door.dispose();
  }
}

/** Tests after which the seed is as it was, however they end. */
export const test = base.extend<{ restored: void }, { seed: Seed }>({
  seed: [
    async ({}, use) => {
      const seed = await Seed.signedIn();
      await use(seed);
      await seed.leaves();
    },
    { scope: 'worker' },
  ],
  restored: [
    async ({ seed }, use) => {
      await seed.remembers();
      await use();
      await seed.restores();
    },
    { auto: true },
  ],
});

export { expect };
