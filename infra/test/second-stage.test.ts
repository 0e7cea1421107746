import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { secondStageFrom } from '../lib/second-stage.ts';
import { appWith, delivery } from './synthesised.ts';

const OTHER = { name: 'live', database: 'live' };
const slack = { slackWorkspaceId: 'T1', slackChannelId: 'C1' };

describe.each<[string, string, Record<string, unknown>, Record<string, unknown>]>([
  ['name', 'found ecg-pipeline', {}, { database: 'live' }],
  ['database', 'found ecg', {}, { name: 'live' }],
  ['name', 'found ecg-pipeline', {}, { account: '111111111111', region: 'eu-central-1', database: 'live' }],
  ['database', 'found ecg', {}, { region: 'eu-central-1', name: 'live' }],
  ['slackChannelId', 'found C1', slack, OTHER],
  ['slackChannelId', 'found C1', slack, { ...OTHER, region: 'eu-west-1' }],
  ['name', 'found ecg-pipeline', slack, { slackChannelId: 'C2', region: 'eu-west-1' }],
  ['workDays', 'found 1', {}, { ...OTHER, workDays: 1 }],
  ['account', 'found 12', {}, { account: '12' }],
  ['region', 'found Ireland', {}, { region: 'Ireland' }],
  ['databse', 'found live', {}, { ...OTHER, databse: 'live' }],
  ['architecture', 'found x86_64', {}, { ...OTHER, architecture: 'x86_64' }],
  ['repository', 'found other', {}, { ...OTHER, repository: 'other' }],
])('%s: %s with %j and %j', (name, found, first, second) => {
  test('is refused by name', () => {
    expect(() => delivery({ secondStage: 'production', ...first }, second)).toThrow(new RegExp(`^setting ${name}: expected .*, ${found}$`));
  });
});

test('elsewhere, everything may be called the same', () => {
  for (const place of [{ account: '222222222222' }, { region: 'eu-west-1' }, { account: '222222222222', region: 'eu-west-1' }]) {
    expect(() => delivery({ secondStage: 'production' }, place)).not.toThrow();
  }
  expect(() => delivery({ secondStage: 'production', ...slack }, { account: '222222222222' })).not.toThrow();
  expect(() => delivery({ secondStage: 'production', ...slack }, { ...OTHER, slackChannelId: '' })).not.toThrow();
});

test('the stages have two names', () => {
  expect(() => delivery({ secondStage: 'production', name: 'production' }, OTHER)).toThrow('setting secondStage: expected another name');
});

const empty = pathToFileURL(`${mkdtempSync(join(tmpdir(), 'ecg-settings-'))}/`);
const here = { account: '111111111111', region: 'eu-central-1' };

test('no second stage needs no file', () => {
  expect(secondStageFrom(appWith({ repository: 'ecg' }).node, here, empty)).toBeUndefined();
});

test('a missing file is named', () => {
  expect(() => secondStageFrom(appWith({ repository: 'ecg', secondStage: 'trial' }).node, here, empty))
    .toThrow('setting secondStage: expected the file settings.trial.json');
});

test('another place needs to know this one', () => {
  const app = appWith({ repository: 'ecg', secondStage: 'production' });
  const folder = mkdtempSync(join(tmpdir(), 'ecg-settings-'));
  writeFileSync(join(folder, 'settings.production.json'), '{ "region": "eu-west-1" }');
  expect(() => secondStageFrom(app.node, {}, pathToFileURL(`${folder}/`))).toThrow('setting secondStage: expected AWS credentials');
});
