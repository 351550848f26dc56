// Writing: marks, lists and links by key and by bar, and what Enter does.
import AxeBuilder from '@axe-core/playwright';
import type { Locator } from '@playwright/test';
import { expect, fresh, Reader, test } from './people';

const MIRIAM = 'miriam.adler@nordwerk.example';

/** Writes `shown` with what stands between `[` and `]` selected. */
async function selects(field: Locator, shown: string): Promise<void> {
  await field.fill(shown.replace(/[[\]]/g, ''));
  await field.evaluate((area: HTMLTextAreaElement, [from, to]) => area.setSelectionRange(from, to), [shown.indexOf('['), shown.indexOf(']') - 1]);
}

/** What stands in the field, with its selection between `[` and `]`. */
const shown = (field: Locator) =>
  field.evaluate((area: HTMLTextAreaElement) => {
    const { value, selectionStart: from, selectionEnd: to } = area;
    return `${value.slice(0, from)}[${value.slice(from, to)}]${value.slice(to)}`;
  });

async function atTalk(reader: Reader): Promise<Reader> {
  await reader.opens('Month-end close');
  return reader;
}

test('keys mark what is selected, the browser takes it back, and readers see it', async ({ people }) => {
  const miriam = await atTalk(await people.atDesk(MIRIAM));
  const { composer } = miriam;
  for (const [keys, before, after] of [
    ['Control+b', 'pay [now] please', 'pay **[now]** please'],
    ['Control+i', 'größer als 🙂 [日本]', 'größer als 🙂 _[日本]_'],
    ['Control+Shift+x', '[no]', '~~[no]~~'],
    ['Control+e', 'run [ls -l]', 'run `[ls -l]`'],
    ['Control+Shift+u', 'see [this]', 'see [this]([https://])'],
    ['Control+Shift+Digit8', '[one\ntwo]', '[- one\n- two]'],
    ['Control+Shift+Digit7', '[one\ntwo]', '[1. one\n2. two]'],
    ['Control+Shift+Digit9', '[said]', '> said[]'],
  ]) {
    await selects(composer, before);
    await composer.press(keys);
    expect(await shown(composer), keys).toBe(after);
    await composer.press('Control+z');
    expect((await shown(composer)).replace(/[[\]]/g, ''), `${keys}, undone`).toBe(before.replace(/[[\]]/g, ''));
  }
  // The host's and the browser's own keys are left alone.
  await selects(composer, '[as it was]');
  await composer.press('Control+Alt+b');
  await composer.press('Control+Shift+b');
  expect(await shown(composer)).toBe('[as it was]');

  const code = fresh('code');
  await selects(composer, `[weighty] ${code}`);
  await composer.press('Control+b');
  await composer.press('Enter');
  await expect(miriam.message(code).locator('strong').filter({ hasText: /^weighty$/ })).toBeVisible();
  miriam.noComplaints();
});

test('a new line goes on with a list, and an empty item ends it', async ({ people }) => {
  const miriam = await atTalk(await people.atDesk(MIRIAM));
  const { composer } = miriam;
  const code = fresh('first');
  await composer.fill(`1. ${code}`);
  for (const keys of ['Shift+Enter', 's', 'e', 'c', 'o', 'n', 'd', 'Shift+Enter']) await composer.press(keys);
  await expect(composer).toHaveValue(`1. ${code}\n2. second\n3. `);
  await composer.press('Shift+Enter');
  await expect(composer).toHaveValue(`1. ${code}\n2. second\n`);
  await composer.press('Enter');
  await expect(miriam.message(code).locator('ol > li')).toHaveText([code, 'second']);
  miriam.noComplaints();
});

test('an address pasted over words becomes their link; other text is pasted as it is', async ({ people }) => {
  const miriam = await atTalk(await people.atDesk(MIRIAM));
  const { composer, page } = miriam;
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  const pastes = async (text: string) => {
    await page.evaluate((text) => navigator.clipboard.writeText(text), text);
    await composer.press('Control+v');
  };
  await selects(composer, 'see [the terms]');
  await pastes('https://example.com/terms');
  expect(await shown(composer)).toBe('see [the terms](https://example.com/terms)[]');
  await selects(composer, 'see [the terms]');
  await pastes('javascript:alert(1)');
  expect(await shown(composer)).toBe('see javascript:alert(1)[]');
  await composer.fill('');
  await pastes('https://example.com/terms');
  expect(await shown(composer)).toBe('https://example.com/terms[]');
  miriam.noComplaints();
});

test('the bar does what the keys do, is one stop of Tab, and stays as one left it', async ({ people }) => {
  const miriam = await atTalk(await people.atDesk(MIRIAM));
  const { composer, page, view } = miriam;
  const bar = view.getByRole('toolbar', { name: 'Formatting' });
  const opener = view.getByRole('button', { name: 'Formatting' });
  await expect(bar).toHaveCount(0);
  await selects(composer, 'pay [now]');
  await opener.click();
  await expect(opener).toHaveAttribute('aria-expanded', 'true');
  // What is selected stays so: the mouse leaves the keyboard where it is.
  await expect(composer).toBeFocused();
  await bar.getByRole('button', { name: 'Bold' }).click();
  expect(await shown(composer)).toBe('pay **[now]**');

  await bar.getByRole('button', { name: 'Bold' }).focus();
  for (const [key, name] of [['ArrowRight', 'Italic'], ['End', 'Enter sends'], ['ArrowRight', 'Bold'], ['ArrowLeft', 'Enter sends'], ['Home', 'Bold'], ['ArrowRight', 'Italic']]) {
    await page.keyboard.press(key);
    await expect(bar.getByRole('button', { name })).toBeFocused();
  }
  await page.keyboard.press('Enter');
  expect(await shown(composer)).toBe('pay **_[now]_**');
  await expect(composer).toBeFocused();
  await page.keyboard.press('Shift+Tab');
  await expect(bar.getByRole('button', { name: 'Italic' })).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(composer).toBeFocused();
  expect((await new AxeBuilder({ page }).include('.composer').analyze()).violations).toEqual([]);

  await page.reload();
  await miriam.opens('Month-end close');
  await expect(bar).toBeVisible();
  await expect(composer).toHaveValue('pay **_now_**');
  await opener.click();
  await expect(bar).toHaveCount(0);
  await composer.fill('');
  miriam.noComplaints();
});

test('Enter sends or begins a line, as the person chose; Ctrl+Enter always sends', async ({ people }) => {
  const miriam = await atTalk(await people.atDesk(MIRIAM));
  const { composer, view } = miriam;
  await view.getByRole('button', { name: 'Formatting' }).click();
  const choice = view.getByRole('button', { name: 'Enter sends' });
  await expect(choice).toHaveAttribute('aria-pressed', 'true');
  await choice.click();
  await expect(choice).toHaveAttribute('aria-pressed', 'false');
  const code = fresh('two lines');
  await composer.fill(`- ${code}`);
  await composer.press('Enter');
  await expect(composer).toHaveValue(`- ${code}\n- `);
  await miriam.page.reload();
  await miriam.opens('Month-end close');
  await expect(composer).toHaveValue(`- ${code}\n- `);
  await composer.press('End');
  await composer.pressSequentially('second');
  await composer.press('Control+Enter');
  await expect(miriam.message(code).locator('li')).toHaveText([code, 'second']);
  await expect(composer).toHaveValue('');

  // Of this person on this device: what the next one chose is their own, and signing out leaves nothing.
  await view.getByRole('button', { name: 'Sign out' }).click();
  await expect(miriam.page.getByRole('link', { name: 'Sign in' })).toBeVisible();
  expect(await miriam.page.evaluate(() => Object.keys(localStorage).filter((key) => key.startsWith('postil:')))).toEqual([]);
});

test('on a touch screen Enter begins a line and the button sends', async ({ people }) => {
  const miriam = await atTalk(await people.atDesk(MIRIAM, { hasTouch: true, isMobile: true, viewport: { width: 360, height: 740 } }));
  const code = fresh('tapped');
  await miriam.composer.fill(code);
  await miriam.composer.press('Enter');
  await miriam.composer.pressSequentially('below');
  await expect(miriam.composer).toHaveValue(`${code}\nbelow`);
  await miriam.view.getByRole('button', { name: 'Send' }).tap();
  await miriam.sees(code);
  miriam.noComplaints();
});
