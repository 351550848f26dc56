// Two people of one company talk beside an invoice; a third, of another company, sees nothing.
import { COMPANY, expect, fresh, test, URL_BASE } from './people';

const INVOICE = 'transaction/INV-2026-00417';

test('two people talk beside an invoice in real time, both ways, and a third company sees nothing', async ({ people }) => {
  const elise = await people.atRecord('elise', 'nordwerk', INVOICE);
  const marco = await people.atRecord('marco', 'nordwerk', INVOICE);
  const leila = await people.atDesk('leila.haddad@alba.example');
  for (const reader of [elise, marco]) {
    if (!(await reader.log.isVisible())) await reader.opens(/Invoice 00417/);
  }

  const question = fresh('Is the credit note on its way?');
  await elise.writes(question);
  await elise.sees(question);
  await marco.sees(question);
  const answer = fresh('It is with our bank, **today**');
  await marco.writes(answer);
  await elise.sees(answer.replaceAll('**', ''));
  await expect(elise.message(answer.replaceAll('**', '')).locator('strong')).toHaveText('today');

  // Leila: neither in what she sees, nor in what her page holds, nor by asking for it.
  await expect(leila.page.getByText('Invoice 00417')).toHaveCount(0);
  const found = await leila.page.request.get(`${URL_BASE}/api/v1/messages?linkedType=transaction&linkedId=INV-2026-00417`, {
    headers: { 'X-Postil-Company': COMPANY.alba },
  });
  expect(found.status()).toBe(404);
  const asked = await leila.page.request.get(`${URL_BASE}/api/v1/messages?linkedType=transaction&linkedId=INV-2026-00417`, {
    headers: { 'X-Postil-Company': COMPANY.nordwerk },
  });
  expect(asked.status()).toBe(409);
  expect(await leila.page.content()).not.toContain(question);
  for (const reader of [elise, marco, leila]) reader.noComplaints();
});

test('a reply stands below its message, nested, counted, and leads back to what it answers', async ({ people }) => {
  const katrin = await people.atDesk('katrin.vogel@nordwerk.example');
  const miriam = await people.atDesk('miriam.adler@nordwerk.example');
  await katrin.opens('Miriam Adler');
  await miriam.opens('Katrin Vogel');

  const root = fresh('Who signs the budget');
  await katrin.writes(root);
  await miriam.sees(root);
  const first = fresh('You do');
  await miriam.answers(root, first);
  await katrin.sees(first);
  const second = fresh('Then I need the figures');
  await katrin.answers(first, second);
  await miriam.sees(second);

  await expect(katrin.message(root).getByTestId('replies')).toContainText('2 replies');
  // Jump from the reply to what it answers.
  await miriam.acts(second, 'Go to the message it answers');
  await expect(miriam.message(first)).toBeInViewport();
  // Fold the thread, and unfold it.
  await katrin.message(root).getByTestId('replies').click();
  await expect(katrin.view.getByTestId('message').filter({ hasText: second })).toHaveCount(0);
  await katrin.message(root).getByTestId('replies').click();
  await katrin.sees(second);
  katrin.noComplaints();
});

test('at the depth limit the deepest message that can be answered is offered', async ({ people }) => {
  // Alba allows four levels.
  const leila = await people.atDesk('leila.haddad@alba.example');
  await leila.opens('Yuki Tanaka');
  const texts = ['Level zero', 'Level one', 'Level two', 'Level three', 'Level four'].map(fresh);
  await leila.writes(texts[0]!);
  await leila.sees(texts[0]!);
  for (let depth = 1; depth < texts.length; depth += 1) {
    await leila.answers(texts[depth - 1]!, texts[depth]!);
    await leila.sees(texts[depth]!);
  }
  await leila.startsReply(texts[4]!);
  const limit = leila.view.getByTestId('depth-limit');
  await expect(limit).toContainText('4 levels');
  await limit.getByRole('button', { name: /instead$/ }).click();
  const box = leila.view.getByRole('textbox', { name: /^Reply to/ });
  const text = fresh('Beside level four');
  await box.fill(text);
  await box.press('Enter');
  await leila.sees(text);
  leila.noComplaints();
});

test('an edit shows everywhere, marked; a deleted message leaves its place', async ({ people }) => {
  const katrin = await people.atDesk('katrin.vogel@nordwerk.example');
  const miriam = await people.atDesk('miriam.adler@nordwerk.example');
  await katrin.opens('Miriam Adler');
  await miriam.opens('Katrin Vogel');

  const wrong = fresh('Meet me at nine');
  await katrin.writes(wrong);
  await miriam.sees(wrong);
  await katrin.acts(wrong, 'Edit');
  const right = wrong.replace('nine', 'ten');
  const box = katrin.view.getByRole('textbox', { name: 'Edit message' });
  await box.fill(right);
  await box.press('Enter');
  await miriam.sees(right);
  await expect(miriam.message(right).getByTestId('edited')).toBeVisible();

  await katrin.acts(right, 'Delete');
  await katrin.view.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await expect(miriam.view.getByTestId('message').filter({ hasText: right })).toHaveCount(0);
  await expect(miriam.view.getByTestId('message').last()).toContainText('Message deleted');
  expect(await miriam.page.content()).not.toContain(right);
  miriam.noComplaints();
});

test('what could not be sent stays in its place and is sent once, later', async ({ people }) => {
  const katrin = await people.atDesk('katrin.vogel@nordwerk.example');
  const miriam = await people.atDesk('miriam.adler@nordwerk.example');
  await katrin.opens('Miriam Adler');
  await miriam.opens('Katrin Vogel');
  // The request arrives at the server, its answer gets lost: the worst case for "once".
  let lost = 0;
  await katrin.page.route('**/api/v1/messages', async (route) => {
    if (route.request().method() === 'POST' && lost === 0) {
      lost += 1;
      await route.fetch();
      await route.abort('connectionreset');
    } else {
      await route.continue();
    }
  });
  const text = fresh('Sent through a bad line');
  await katrin.writes(text);
  await miriam.sees(text);
  await expect.poll(() => lost).toBe(1);
  const retry = katrin.message(text).getByRole('button', { name: 'Retry' });
  await expect(async () => {
    if (await retry.isVisible()) await retry.click();
    await expect(katrin.message(text).getByTestId('failed')).toHaveCount(0);
  }).toPass();
  await expect(miriam.view.getByTestId('message').filter({ hasText: text })).toHaveCount(1);
  await expect(katrin.view.getByTestId('message').filter({ hasText: text })).toHaveCount(1);
  await katrin.page.reload();
  await expect(katrin.view.getByTestId('message').filter({ hasText: text })).toHaveCount(1);
});
