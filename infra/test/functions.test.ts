import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ENTRIES, EVERY, STEPS } from '../lib/steps.ts';
import { workflowFile } from '../lib/state-machines.ts';
import { asText, one, pipeline, resources } from './synthesised.ts';

const { template } = pipeline();
const functionOf = (step: string, from = template) =>
  one(from, 'AWS::Lambda::Function', ({ Properties }) => Properties.FunctionName === `ecg-pipeline-${step}`);

test('each function is there, and no other code', () => {
  const names = Object.values(resources(template, 'AWS::Lambda::Function')).map(({ Properties }) => Properties.FunctionName);
  expect(names.sort()).toEqual(STEPS.map((step) => `ecg-pipeline-${step}`).sort());
  const custom = Object.values(template.toJSON().Resources as Record<string, { Type: string }>).filter(({ Type }) => Type.startsWith('Custom::'));
  expect(custom.map(({ Type }) => Type)).toEqual(['Custom::Catalog']);
});

describe.each(STEPS)('%s', (step) => {
  const [, { Properties }] = functionOf(step);

  test('runs its own binary on arm64', () => {
    expect(Properties.Runtime).toBe('provided.al2023');
    expect(Properties.Handler).toBe('bootstrap');
    expect(Properties.Architectures).toEqual(['arm64']);
    const others = STEPS.filter((other) => other !== step).map((other) => functionOf(other)[1].Properties.Code.S3Key);
    expect(others).not.toContain(Properties.Code.S3Key);
  });

  test('has a role that no other function has', () => {
    const mine = asText(Properties.Role);
    expect(STEPS.filter((other) => asText(functionOf(other)[1].Properties.Role) === mine)).toEqual([step]);
  });

  test('logs to a group of its own, for as long as the setting says', () => {
    const [id, group] = one(template, 'AWS::Logs::LogGroup', (found) => found.Properties.LogGroupName === `/aws/lambda/ecg-pipeline-${step}`);
    expect(Properties.LoggingConfig).toEqual({ LogGroup: { Ref: id } });
    expect(group.Properties.RetentionInDays).toBe(90);
  });
});

test('profiles of data sets are deployed with validate', () => {
  const profiles = join(mkdtempSync(join(tmpdir(), 'profiles-')), 'mine.toml');
  writeFileSync(profiles, '[[profile]]\nname = "ward"\n');
  const { app, template: other } = pipeline({ profiles });
  const changed = STEPS.filter((step) =>
    functionOf(step, other)[1].Properties.Code.S3Key !== functionOf(step)[1].Properties.Code.S3Key);
  expect(changed).toEqual(['validate']);
  const [hash] = functionOf('validate', other)[1].Properties.Code.S3Key.split('.');
  const asset = join(app.outdir, `asset.${hash}`);
  expect(readFileSync(join(asset, 'ecg-profiles.toml'), 'utf8')).toContain('ward');
  expect(existsSync(join(asset, 'bootstrap'))).toBe(true);
});

test('the other architecture is a setting', () => {
  const { template: other } = pipeline({ architecture: 'x86_64' });
  for (const step of STEPS) {
    expect(functionOf(step, other)[1].Properties.Architectures).toEqual(['x86_64']);
  }
});

/** States of the workflow that give a function one row to write or to register: they have shorter limits of their own. */
const RECORDS_ONE_ROW = { RecordFailure: 'write', RegisterFailure: 'crawl' };

test('a function gives up before its state does', () => {
  const { States: backfill } = JSON.parse(workflowFile('backfill.asl.json')).States.Objects.ItemProcessor;
  const files = ['ecg-pipeline.asl.json', 'net.asl.json', 'forget.asl.json'].map((file) => JSON.parse(workflowFile(file)).States);
  const { States: compaction } = JSON.parse(workflowFile('compact.asl.json'));
  const { States: day } = compaction.EachDay.ItemProcessor;
  const { States: slice } = day.EachSlice.ItemProcessor;
  const states = [...files, backfill, compaction, day, slice].flatMap((file) => Object.entries(file)) as [string, any][];
  const called = new Set<string>();
  for (const [name, state] of states) {
    const step = STEPS.find((candidate) => state.Arguments?.FunctionName === `\${${candidate}}`);
    if (step && !(name in RECORDS_ONE_ROW && state === files[0][name])) {
      called.add(step);
      expect(functionOf(step)[1].Properties.Timeout, name).toBeLessThan(state.TimeoutSeconds);
    }
  }
  expect([...called].sort()).toEqual(STEPS.filter((step) => step !== 'catalog').sort());
});

test('start reads the queue in batches, answers per message, and is given time', () => {
  const [queueId, queue] = one(template, 'AWS::SQS::Queue', ({ Properties }) => Properties.QueueName === 'ecg-pipeline-uploads');
  const [deadId, dead] = one(template, 'AWS::SQS::Queue', ({ Properties }) => Properties.QueueName === 'ecg-pipeline-uploads-dead');
  const [startId, start] = functionOf('start');
  const [, mapping] = one(template, 'AWS::Lambda::EventSourceMapping');
  expect(mapping.Properties).toEqual({
    BatchSize: 10,
    EventSourceArn: { 'Fn::GetAtt': [queueId, 'Arn'] },
    FunctionName: { Ref: startId },
    FunctionResponseTypes: ['ReportBatchItemFailures'],
    ScalingConfig: { MaximumConcurrency: 5 },
    Tags: expect.anything(),
  });
  expect(queue.Properties.VisibilityTimeout).toBeGreaterThanOrEqual(6 * start.Properties.Timeout);
  expect(queue.Properties.RedrivePolicy).toEqual({ deadLetterTargetArn: { 'Fn::GetAtt': [deadId, 'Arn'] }, maxReceiveCount: 1000 });
  // A message that comes back all that time is not yet too old to be kept.
  expect(1000 * queue.Properties.VisibilityTimeout).toBeLessThan(queue.Properties.MessageRetentionPeriod);
  for (const { Properties } of [queue, dead]) {
    expect(Properties.SqsManagedSseEnabled).toBe(true);
    expect(Properties.MessageRetentionPeriod).toBe(14 * 24 * 3600);
  }
});

describe('environment', () => {
  test.each(STEPS)('%s gets what it needs and nothing unknown', (step) => {
    const set = Object.keys(functionOf(step)[1].Properties.Environment.Variables);
    const known = { ...EVERY.environment, ...ENTRIES[step].environment };
    expect(Object.keys(known)).toEqual(expect.arrayContaining(set));
    expect(set).toEqual(expect.arrayContaining(Object.keys(known).filter((name) => known[name] === 'needed')));
  });

  test('the names are those of the stack', () => {
    const of = (step: string) => functionOf(step)[1].Properties.Environment.Variables;
    const bucket = (name: string) => ({ Ref: one(template, 'AWS::S3::Bucket', (_, id) => id.startsWith(`Buckets${name}`))[0] });
    expect(of('start').RAW_BUCKET).toEqual(bucket('Raw'));
    expect(of('write').WORK_BUCKET).toEqual(bucket('Work'));
    expect(of('write').PROCESSED_BUCKET).toEqual(bucket('Processed'));
    expect(of('forget').RESULTS_BUCKET).toEqual(bucket('Results'));
    expect(asText(of('start').STATE_MACHINE_ARN)).toMatch(/:stateMachine:ecg-pipeline:live$/);
    expect(of('crawl')).toMatchObject({ GLUE_DATABASE: 'ecg' });
    expect(of('catalog')).toMatchObject({ GLUE_DATABASE: 'ecg', ATHENA_WORKGROUP: 'ecg-pipeline' });
    expect(of('notify')).toMatchObject({ METRICS_NAMESPACE: 'ecg-pipeline', SLACK_SECRET: { Ref: one(template, 'AWS::SecretsManager::Secret')[0] } });
  });
});
