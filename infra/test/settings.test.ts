import { readFileSync } from 'node:fs';
import { App } from 'aws-cdk-lib';
import { describe, expect, test } from 'vitest';
import { copyOf } from '../lib/copy.ts';
import { settingsFile, settingsFrom } from '../lib/settings.ts';
import { appWith, EVERYTHING, pipeline, SETTINGS } from './synthesised.ts';

const CONNECTION = 'arn:aws:codestar-connections:eu-central-1:111111111111:connection/01234567-89ab-cdef-0123-456789abcdef';

const read = (changed: Record<string, unknown>) => settingsFrom(appWith(changed).node);

test('the file has every setting and no other, each with a value that is allowed', () => {
  expect(Object.keys(settingsFile()).sort()).toEqual(Object.keys(settingsFrom(new App({ context: settingsFile() }).node)).sort());
});

test('so have the settings of the tests', () => {
  expect(Object.keys(SETTINGS)).toEqual(Object.keys(settingsFile()));
});

test('what the command line gives is text, and means the same', () => {
  expect(read({ workDays: '20', crawler: 'true', compactAfterHours: '0', logDays: '30' })).toMatchObject({ workDays: 20, crawler: true, logDays: 30 });
});

describe.each([
  ['name', 'ECG'], ['name', ''], ['database', 'ecg-pipeline'], ['architecture', 'arm'], ['lambdaDir', ''],
  ['profiles', 'nowhere.toml'],
  ['rawGlacierDays', -1], ['rawGlacierDays', 1.5], ['rawGlacierDays', ''], ['workDays', 14], ['workDays', 'x'], ['logDays', 31],
  ['executionLog', 'OFF'], ['startConcurrency', 1], ['startConcurrency', 1001], ['scanLimitGb', 0], ['failedAlarm', 0], ['canaryMinutes', -1],
  ['canaryMinutes', 2101], ['crawler', 'yes'], ['compactAfterHours', 721],
  ['quietHours', 169], ['monthlyBudgetUsd', -1], ['monthlyBudgetUsd', 1.5], ['lakeFormation', 'yes'], ['customerKey', 1], ['auditDays', 3651],
  ['objectLockDays', -1], ['forget', 'yes'], ['secondCopy', 'Ireland'], ['secondCopy', '1234/eu-west-1'],
  ['uploadPrefixes', ['site-1']], ['uploadPrefixes', ['/']], ['uploadPrefixes', ['*/']], ['uploadPrefixes', ['${aws:username}/']],
  ['uploadPrefixes', ['a//b/']], ['uploadPrefixes', ['a/', 'a/']], ['uploadPrefixes', [1]], ['uploadPrefixes', [`${'a'.repeat(60)}/`]],
  ['slackWorkspaceId', 'my-team'], ['slackChannelId', '#alarms'], ['deliverySlackChannelId', 'c0123456789'],
  ['repository', 'https://example.com/ecg'], ['connectionArn', 'github'], ['branch', ''], ['secondStage', 'Production'],
] as const)('%s = %j', (name, value) => {
  test('is refused by name', () => expect(() => read({ [name]: value })).toThrow(`setting ${name}: expected`));
});

describe.each([
  ['slackWorkspaceId', { slackChannelId: 'C1' }], ['slackWorkspaceId', { deliverySlackChannelId: 'C1' }],
  ['slackChannelId', { slackWorkspaceId: 'T1' }],
  ['deliverySlackChannelId', { slackWorkspaceId: 'T1', slackChannelId: 'C1', deliverySlackChannelId: 'C1' }],
  ['connectionArn', { repository: 'us/ecg' }],
  ['repository', { repository: 'ecg', connectionArn: CONNECTION }], ['repository', { connectionArn: CONNECTION }],
  ['repository', { secondStage: 'production' }],
] as const)('%s with %j', (name, changed) => {
  test('is refused by name', () => expect(() => read(changed)).toThrow(`setting ${name}: expected`));
});

test('a list on the command line has commas', () => {
  expect(read({ uploadPrefixes: 'site-1/,site-2/a.b/' }).uploadPrefixes).toEqual(['site-1/', 'site-2/a.b/']);
  expect(read({ uploadPrefixes: '' }).uploadPrefixes).toEqual([]);
  expect(read({ uploadPrefixes: ['site-1/'] }).uploadPrefixes).toEqual(['site-1/']);
});

test('who locks uploads gives up erasing, and is told so if both were asked for', () => {
  expect(read({})).toMatchObject({ objectLockDays: 0, forget: true });
  expect(read({ objectLockDays: 30 })).toMatchObject({ objectLockDays: 30, forget: false });
  expect(read({ forget: 'false' })).toMatchObject({ objectLockDays: 0, forget: false });
  expect(read({ forget: true })).toMatchObject({ forget: true });
  expect(() => read({ forget: true, objectLockDays: 30 }))
    .toThrow('setting forget: expected false, since objectLockDays is 30 and a locked upload cannot be erased; or objectLockDays 0, found true');
});

test('a second copy is a region or an account with one, and the name leaves room for the names of its buckets', () => {
  expect(read({ secondCopy: 'eu-west-1' }).secondCopy).toBe('eu-west-1');
  expect(read({ secondCopy: '222222222222/ap-southeast-2' }).secondCopy).toBe('222222222222/ap-southeast-2');
  expect(() => copyOf(read({ secondCopy: 'eu-west-1' }), { region: 'eu-west-1' })).toThrow('setting secondCopy: expected another region');
  expect(copyOf(read({ secondCopy: '222222222222/eu-west-1' }), { region: 'eu-west-1' })).toMatchObject({ otherAccount: true });
  const copy = copyOf(read({ secondCopy: '222222222222/ap-southeast-2', name: 'a'.repeat(20) }))!;
  expect(copy.processed).toHaveLength(63);
  expect(() => copyOf(read({ secondCopy: 'ap-southeast-2', name: 'a'.repeat(21) }))).toThrow('setting name: expected at most 20 characters');
});

test('README describes every setting once', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const [table] = /^\| setting \| default \|[^]*?\n\n/m.exec(readme)!;
  const described = [...table.matchAll(/^\| (`\w+`(?:, `\w+`)*) \|/gm)].flatMap(([, names]) => names!.replaceAll('`', '').split(', '));
  expect(described.sort()).toEqual(Object.keys(SETTINGS).sort());
});

test('a workspace with one channel or two different ones is accepted', () => {
  for (const channels of [{ slackChannelId: 'C1' }, { deliverySlackChannelId: 'C2' }, { slackChannelId: 'C1', deliverySlackChannelId: 'C2' }]) {
    expect(read({ slackWorkspaceId: 'T1', ...channels })).toMatchObject({ slackWorkspaceId: 'T1', ...channels });
  }
});

test('every name of a deployment follows its setting, so that two can stand in one account', () => {
  const { template } = pipeline({ ...EVERYTHING, name: 'trial', database: 'trial' });
  const text = JSON.stringify(template.toJSON());
  const left = [...text.matchAll(/"[^"]*ecg-pipeline[^"]*"/g)].map(([found]) => found).filter((found) => !found.includes('(ecg-pipeline)'));
  expect(left).toEqual([]);
  expect(text).toContain('/aws/lambda/trial-start');
});
