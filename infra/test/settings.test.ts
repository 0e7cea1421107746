import { App } from 'aws-cdk-lib';
import { describe, expect, test } from 'vitest';
import { settingsFile, settingsFrom } from '../lib/settings.ts';
import { appWith, pipeline, SETTINGS } from './synthesised.ts';

const CONNECTION = 'arn:aws:codestar-connections:eu-central-1:111111111111:connection/01234567-89ab-cdef-0123-456789abcdef';

const read = (changed: Record<string, unknown>) => settingsFrom(appWith(changed).node);

test('the file has every setting and no other, each with a value that is allowed', () => {
  expect(Object.keys(settingsFile()).sort()).toEqual(Object.keys(settingsFrom(new App({ context: settingsFile() }).node)).sort());
});

test('so have the settings of the tests', () => {
  expect(Object.keys(SETTINGS)).toEqual(Object.keys(settingsFile()));
});

test('what the command line gives is text, and means the same', () => {
  expect(read({ workDays: '20', crawler: 'true', logDays: '30' })).toMatchObject({ workDays: 20, crawler: true, logDays: 30 });
});

describe.each([
  ['name', 'ECG'], ['name', ''], ['database', 'ecg-pipeline'], ['architecture', 'arm'], ['lambdaDir', ''],
  ['profiles', 'nowhere.toml'],
  ['rawGlacierDays', -1], ['rawGlacierDays', 1.5], ['rawGlacierDays', ''], ['workDays', 14], ['workDays', 'x'], ['logDays', 31],
  ['executionLog', 'OFF'], ['startConcurrency', 1], ['startConcurrency', 1001], ['scanLimitGb', 0], ['failedAlarm', 0], ['canaryMinutes', -1],
  ['canaryMinutes', 2101], ['crawler', 'yes'],
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

test('a workspace with one channel or two different ones is accepted', () => {
  for (const channels of [{ slackChannelId: 'C1' }, { deliverySlackChannelId: 'C2' }, { slackChannelId: 'C1', deliverySlackChannelId: 'C2' }]) {
    expect(read({ slackWorkspaceId: 'T1', ...channels })).toMatchObject({ slackWorkspaceId: 'T1', ...channels });
  }
});

test('every name of a deployment follows its setting, so that two can stand in one account', () => {
  const { template } = pipeline({ name: 'trial', database: 'trial' });
  const text = JSON.stringify(template.toJSON());
  const left = [...text.matchAll(/"[^"]*ecg-pipeline[^"]*"/g)].map(([found]) => found).filter((found) => !found.includes('(ecg-pipeline)'));
  expect(left).toEqual([]);
  expect(text).toContain('/aws/lambda/trial-start');
});
