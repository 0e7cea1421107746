// A lake, a console over it, and a browser before it. Every page that a test opens has to load nothing from another host and to
// report no error: `close` fails otherwise.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
/** The command line under test. */
export const ECG = process.env.ECG_BIN ?? path.join(process.env.CARGO_TARGET_DIR ?? path.join(ROOT, 'target'), 'debug/ecg');

/** Runs `ecg` to its end. Where it exits with another status than those that are expected, the test fails. */
export function ecg(args, statuses = [0]) {
  try {
    return execFileSync(ECG, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    if (statuses.includes(error.status)) return error.stdout;
    throw new Error(`ecg ${args.join(' ')}: ${error.stderr}`);
  }
}

/** A new folder for a lake. */
export const newLake = () => path.join(mkdtempSync(path.join(tmpdir(), 'ecg-console-')), 'lake');

/** A console over a lake, and a browser. `close` removes the lake, unless it is kept for another console. */
export async function open(lake, { keep = false } = {}) {
  const child = spawn(ECG, ['console', '--lake', lake, '--port', '0', '--no-open'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const address = await new Promise((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (data) => {
      text += data;
      if (text.includes('\n')) resolve(text.trim());
    });
    child.on('exit', () => reject(new Error('the console ended')));
  });
  const origin = new URL(address).origin;
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync',
    ],
  });
  const troubles = [];
  return {
    origin,
    /** A page that is let in. Of `expected` errors (a refused request is one) nothing is said. */
    async page(at = '/', { width = 1440, height = 900, scheme = 'light', expected = /^$/ } = {}) {
      const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, acceptDownloads: true });
      await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin });
      const page = await context.newPage();
      page.on('console', (message) => {
        if (message.type() === 'error' && !expected.test(message.text())) troubles.push(`${page.url()}: ${message.text()}`);
      });
      page.on('pageerror', (error) => troubles.push(`${page.url()}: ${error.message}`));
      page.on('request', (request) => {
        const url = new URL(request.url());
        if (!['data:', 'blob:'].includes(url.protocol) && url.origin !== origin) troubles.push(`asked ${request.url()}`);
      });
      await page.goto(address);
      if (at !== '/') await page.goto(origin + at);
      return page;
    },
    async close() {
      await browser.close();
      child.kill();
      if (!keep) rmSync(path.dirname(lake), { recursive: true, force: true });
      assert.deepEqual(troubles, []);
    },
  };
}

/** Pictures of a page in both schemes and two widths, into the folder SCREENSHOTS, where it is set. */
export async function pictures(console, at, name, ready = async () => {}) {
  if (!process.env.SCREENSHOTS) return;
  for (const width of [1440, 390]) {
    for (const scheme of ['light', 'dark']) {
      const page = await console.page(at, { width, height: width < 500 ? 844 : 900, scheme });
      await ready(page);
      await page.screenshot({ path: path.join(process.env.SCREENSHOTS, `${name}-${width}-${scheme}.png`) });
      await page.context().close();
    }
  }
}
