// Runs: dropped files, the list, a failed run, actions, queries, subjects.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { after, before, test } from 'node:test';
import path from 'node:path';
import { ECG, ROOT, ecg, newLake, open, pictures } from './harness.js';

const GOOD = path.join(ROOT, 'testdata/recordings/formats/level5.mat');
const BAD = path.join(ROOT, 'testdata/malformed/text.mat');
let lake, console_;

before(async () => {
  lake = newLake();
  console_ = await open(lake);
});
after(() => console_.close());

test('an empty lake says what to type; dropped files run, and their failure is read, redriven and compared', async () => {
  const page = await console_.page('/runs', { expected: /422/ });
  await page.getByText('No runs yet').waitFor();
  assert.match(await page.locator('.empty code').textContent(), /^ecg run PATH\.\.\. --lake /);

  // Why files are refused is said when the browser has sent them, however large.
  await page.locator('#files').setInputFiles([{ name: 'long.mat', mimeType: '', buffer: Buffer.alloc(40e6) }, { name: 'notes.txt', mimeType: '', buffer: Buffer.from('x') }]);
  await page.locator('#drop.wrong').getByText(/^notes\.txt: expected a recording/).waitFor();

  // A good and a bad file; their runs appear without a reload.
  await page.locator('#files').setInputFiles([GOOD, BAD]);
  await page.locator('#jobs').getByText('1 succeeded').waitFor({ timeout: 60_000 });
  await page.locator('#jobs').getByText('1 failed').waitFor();
  await page.locator('tr.ok', { hasText: /uploads\/[0-9a-f]{12}\/level5\.mat/ }).waitFor();
  const row = page.locator('tr.failed', { hasText: /uploads\/[0-9a-f]{12}\/text\.mat/ });
  await row.waitFor();
  assert.match(await row.textContent(), /Validate.*expected a MATLAB MAT file/s);
  assert.match(await row.locator('.steps').getAttribute('aria-label'), /^Validate failed, Parse not reached/);

  // The failed step, and the error in it.
  await row.locator('td.what a').click();
  await page.getByRole('heading', { name: /Validate failed: Rejected: file: expected a MATLAB MAT file/ }).waitFor();
  assert.equal(await page.locator('.banner dt').first().textContent(), 'Looked at');
  assert.match(await page.locator('.banner dd').nth(3).textContent(), /^0 bytes$/);
  assert.match(await page.locator('.graph .selected').textContent(), /Validate/);
  assert.match(await page.locator('.logs').textContent(), /ERROR failed .*error=Rejected/);
  await page.locator('.graph a', { hasText: 'RecordFailure' }).click();
  await page.getByRole('heading', { name: 'RecordFailure succeeded' }).waitFor();
  await page.goBack();
  await page.getByRole('heading', { name: 'Validate caught error' }).waitFor();

  // Redrive, by its button.
  await page.getByRole('button', { name: 'Redrive' }).click();
  await page.locator('#jobs').getByText(/Redrive uploads-[0-9a-f]{12}-text/).waitFor();
  await page.locator('#jobs .close').waitFor({ timeout: 60_000 });
  assert.match(await page.locator('#jobs').textContent(), /0 succeeded\s*, 1 failed/);
  await page.reload();
  await page.getByText('Redrives').waitFor();
  await page.getByRole('button', { name: 'Copy' }).click();
  assert.match(await page.evaluate(() => navigator.clipboard.readText()), /^ecg inspect .*\/text\.mat$/);

  await page.getByRole('link', { name: 'Compare' }).click();
  await page.getByText('They part first at: Validate').waitFor();
  await page.context().close();
});

test('failures are grouped by cause, and a group is redriven', async () => {
  // Two of one cause beside the one that is there.
  ecg(['run', path.join(ROOT, 'testdata/malformed'), '--lake', lake], [1]);
  const page = await console_.page('/failures');
  const group = page.locator('tr', { hasText: 'expected a MATLAB MAT file' }).first();
  const count = Number(await group.locator('.count').textContent());
  assert.ok(count >= 4, `${count}`);
  await group.getByRole('button', { name: `Redrive these ${count}` }).click();
  await page.locator('#jobs').getByText(`Redrive ${count} executions`).waitFor();
  await page.locator('#jobs .close').waitFor({ timeout: 60_000 });
  assert.match(await page.locator('#jobs').textContent(), new RegExp(`0 succeeded\\s*, ${count} failed`));
  await page.locator('#jobs .close').click();
  await page.locator('#jobs .panel').waitFor({ state: 'detached' });
  await group.locator('td.what a').first().click();
  await page.waitForURL(/group=/);
  assert.equal(await page.locator('table.runs tbody tr').count(), count);
  await page.context().close();
});

test('filters are in the address, and "back" has them again', async () => {
  const page = await console_.page('/runs');
  await page.selectOption('select[name=error]', 'Rejected');
  await page.waitForURL(/\/runs\?error=Rejected$/);
  await page.fill('#search', 'zlib');
  await page.waitForURL(/\/runs\?error=Rejected&text=zlib$/);
  const rows = page.locator('table.runs tbody tr');
  await page.waitForFunction(() => document.querySelectorAll('table.runs tbody tr').length < 5);
  const found = await rows.count();
  await rows.first().locator('td.what a').click();
  await page.waitForURL(/\/runs\/malformed/);
  await page.goBack();
  await page.waitForURL(/text=zlib$/);
  // The address comes before the page.
  await page.waitForFunction(() => document.querySelector('#search')?.value === 'zlib');
  await page.waitForFunction((found) => document.querySelectorAll('table.runs tbody tr').length === found, found);
  await page.goBack();
  await page.waitForURL(/\/runs\?error=Rejected$/);
  await page.waitForFunction(() => document.querySelector('#search')?.value === '');
  await page.goto(`${console_.origin}/runs?since=yesterday`);
  assert.match(await page.getByRole('alert').textContent(), /expected a day such as/);
  await page.context().close();
});

test('a run that begins elsewhere appears while the page is looked at', async () => {
  const page = await console_.page('/runs');
  const before = Number(await page.locator('.chip b').first().textContent());
  ecg(['run', path.join(ROOT, 'testdata/recordings/warn'), '--lake', lake]);
  await page.waitForFunction((before) => Number(document.querySelector('.chip b').textContent) > before, before);
  await page.context().close();
});

test('a run that waits for a retry says so, and goes on', { skip: process.getuid() !== 0 && 'only root can make a disk that is full' }, async () => {
  const lake = newLake();
  const [first, long] = ['first', 'long'].map((name) => path.join(path.dirname(lake), `${name}.mat`));
  ecg(['synth', first]);
  ecg(['synth', long, '--duration', '30m']);
  ecg(['run', first, '--lake', lake]);
  const work = path.join(lake, 'work');
  const mount = (options) => execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', work]);
  mount('size=256k');
  const console_ = await open(lake, { keep: true });
  try {
    const page = await console_.page('/runs');
    const run = spawn(ECG, ['run', long, '--lake', lake], { stdio: 'ignore' });
    const ended = once(run, 'exit');
    const row = page.locator('tr', { hasText: 'long.mat' });
    await row.getByText('RETRYING').waitFor({ timeout: 30_000 });
    assert.match(await row.locator('.steps').getAttribute('aria-label'), /Validate succeeded, Parse waiting for a retry, Transform not reached/);
    await row.locator('td.what a').click();
    await page.getByRole('heading', { name: 'Parse waits for its next attempt' }).waitFor();
    assert.match(await page.locator('.banner').textContent(), /Attempt \d: Transient .*No space left on device/s);
    mount('remount,size=64m');
    assert.deepEqual(await ended, [0, null]);
    await page.goto(`${console_.origin}/runs`);
    await page.locator('tr.ok', { hasText: 'long.mat' }).waitFor();
  } finally {
    await console_.close();
    execFileSync('umount', ['--lazy', work]);
    rmSync(path.dirname(lake), { recursive: true, force: true });
  }
});

test('a query answers with lines for signals, files, and rows that open their strip', async () => {
  const page = await console_.page('/query');
  await page.fill('#sql', "select recording_id, segment, mv from segments where lead = 0 limit 3");
  await page.keyboard.press('Control+Enter');
  await page.locator('.answer .spark').nth(2).waitFor();
  await page.waitForURL(/\/query\?sql=select/);
  assert.match(await page.locator('.answer a').first().getAttribute('href'), /^\/recordings\/.+\?t=0$/);
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'CSV' }).click()]);
  assert.equal(file.suggestedFilename(), 'answer.csv');
  await page.getByRole('button', { name: 'Copy as Python' }).click();
  assert.match(await page.evaluate(() => navigator.clipboard.readText()), /import pandas as pd/);
  await page.getByRole('link', { name: /^1\. What is there/ }).click();
  await page.locator('.answer td').first().waitFor();
  await page.fill('#sql', 'drop table recordings');
  await page.getByRole('button', { name: 'Run' }).click();
  assert.match(await page.locator('#answer [role=alert]').textContent(), /a query only reads/);
  await page.context().close();
});

test('subjects and folders, keys, light and dark', async () => {
  const page = await console_.page('/subjects?by=folder');
  await page.locator('tr', { hasText: 'malformed' }).getByText(/expected/).first().waitFor();
  await page.keyboard.press('?');
  await page.getByRole('dialog').waitFor();
  await page.keyboard.press('Escape');
  await page.keyboard.press('d');
  assert.equal(await page.evaluate(() => document.documentElement.dataset.scheme), 'dark');
  await page.keyboard.press('g');
  await page.keyboard.press('r');
  await page.waitForURL(/\/runs$/);
  assert.equal(await page.evaluate(() => document.documentElement.dataset.scheme), 'dark', 'it stays');
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/runs\/.+/);
  await page.context().close();
});

test('no page is wider than a phone, and each control has a name', async () => {
  const failed = JSON.parse(ecg(['runs', '--failed', '--json', '--lake', lake]))[0].execution;
  for (const at of ['/runs', '/failures', `/runs/${failed}`, `/runs/${failed}?view=table`, `/compare?a=${failed}`, '/query', '/subjects', '/subjects?by=folder']) {
    const page = await console_.page(at, { width: 390, height: 844 });
    const [wide, nameless] = await page.evaluate(() => [
      document.documentElement.scrollWidth - document.documentElement.clientWidth,
      [...document.querySelectorAll('button, a[href], input:not([type=hidden]), select, textarea')]
        .filter((one) => !(one.textContent.trim() || one.getAttribute('aria-label') || one.labels?.[0]?.textContent.trim() || one.placeholder))
        .map((one) => one.outerHTML),
    ]);
    assert.ok(wide <= 0, `${at}: ${wide} pixels too wide`);
    assert.deepEqual(nameless, [], at);
    await page.context().close();
  }
  for (const [at, name] of [['/runs', 'runs'], ['/failures', 'failures'], [`/runs/${failed}`, 'run'], ['/query?sql=select recording_id, segment, quality, mv from segments limit 9', 'query'], ['/subjects', 'subjects']]) {
    await pictures(console_, at, name, (page) => page.waitForTimeout(500));
  }
});
