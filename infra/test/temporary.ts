// Everything that a test makes in the folder for temporary files goes into one of its own, which is removed after the last test.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export default function setup(): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'ecg-infra-'));
  process.env.TMPDIR = folder;
  return () => rmSync(folder, { recursive: true });
}
