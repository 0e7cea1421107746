// What tells people: alarms, the net under the workflow, the way to Slack, the dashboard and the saved queries of the logs.

import { describe, expect, test } from 'vitest';
import { Annotations, Match } from 'aws-cdk-lib/assertions';
import { readFileSync } from 'node:fs';
import { ENTRIES, STEPS } from '../lib/steps.ts';
import { asText, everything, one, pipeline, resources, rightsOf } from './synthesised.ts';

const { template, stack } = pipeline();
const SLACK = { slackWorkspaceId: 'T0123ABC', slackChannelId: 'C0123ABC' };
const [topicId] = one(template, 'AWS::SNS::Topic');
const alarms = Object.values(resources(template, 'AWS::CloudWatch::Alarm')).map(({ Properties }) => Properties);
const alarm = (name: string) => {
  const found = alarms.filter(({ AlarmName }) => AlarmName === `ecg-pipeline-${name}`);
  expect(found, name).toHaveLength(1);
  return found[0]!;
};

describe('alarms', () => {
  // Name, metric, what it is about, threshold, seconds.
  test.each([
    ['executions-failed', 'AWS/States', 'ExecutionsFailed', { StateMachineArn: 'StateMachinesWorkflow' }, 5, 900],
    ['executions-timed-out', 'AWS/States', 'ExecutionsTimedOut', { StateMachineArn: 'StateMachinesWorkflow' }, 1, 300],
    ['executions-aborted', 'AWS/States', 'ExecutionsAborted', { StateMachineArn: 'StateMachinesWorkflow' }, 1, 300],
    ['recordings-slow', 'AWS/States', 'ExecutionTime', { StateMachineArn: 'StateMachinesWorkflow' }, 600_000, 300],
    ['executions-throttled', 'AWS/States', 'ExecutionThrottled', { StateMachineArn: 'StateMachinesWorkflow' }, 1, 300],
    ['upload-dead-letters', 'AWS/SQS', 'ApproximateNumberOfMessagesVisible', { QueueName: 'UploadsDeadLetters' }, 1, 300],
    ['net-dead-letters', 'AWS/SQS', 'ApproximateNumberOfMessagesVisible', { QueueName: 'NetDeadLetters' }, 1, 300],
    ['uploads-wait', 'AWS/SQS', 'ApproximateAgeOfOldestMessage', { QueueName: 'UploadsQueue' }, 300, 300],
    ['start-failed', 'AWS/Lambda', 'Errors', { FunctionName: 'FunctionsStart' }, 1, 300],
    ['notify-failed', 'AWS/Lambda', 'Errors', { FunctionName: 'FunctionsNotify' }, 1, 300],
  ])('%s watches %s %s', (name, namespace, metric, about, threshold, seconds) => {
    const properties = alarm(name);
    expect(properties).toMatchObject({
      Namespace: namespace, MetricName: metric, Threshold: threshold, Period: seconds, EvaluationPeriods: 1,
      ComparisonOperator: 'GreaterThanOrEqualToThreshold',
    });
    const [[dimension, part]] = Object.entries(about) as [[string, string]];
    expect(properties.Dimensions).toHaveLength(1);
    expect(properties.Dimensions[0].Name).toBe(dimension);
    expect(asText(properties.Dimensions[0].Value)).toMatch(new RegExp(`^\\$\\{${part}[0-9A-F]{8}`));
  });

  test('start-faults watches what start writes about messages that it cannot read', () => {
    expect(alarm('start-faults')).toMatchObject({
      Namespace: 'ecg-pipeline', MetricName: 'Faults', Dimensions: [{ Name: 'step', Value: 'start' }], Statistic: 'Sum', Threshold: 1, Period: 300,
    });
  });

  test('the slowest recording counts, not the mean', () => expect(alarm('recordings-slow').Statistic).toBe('Maximum'));

  test.each([
    ['functions-throttled', STEPS.map((step) => `Throttles of functions${step}`)],
    ['net-failed', ['ExecutionsFailed', 'ExecutionsTimedOut', 'ExecutionsAborted'].map((metric) => `${metric} of netmachine`)],
  ])('%s adds up all of them, also where some count nothing', (name, expected) => {
    const { Metrics: metrics, Threshold: threshold } = alarm(name);
    expect(threshold).toBe(1);
    const stats = metrics.filter(({ MetricStat }: any) => MetricStat);
    const watched = stats.map(({ MetricStat: { Metric: metric } }: any) =>
      `${metric.MetricName} of ${asText(metric.Dimensions[0].Value).replace(/^\$\{([A-Za-z]+)[0-9A-F]{8}\}$/, '$1').toLowerCase()}`);
    expect(watched.sort()).toEqual([...expected].sort());
    const [sum] = metrics.filter(({ Expression }: any) => Expression);
    expect(sum.Expression.split(' + ').sort()).toEqual(stats.map(({ Id }: any) => `FILL(${Id}, 0)`).sort());
  });

  test('functions-near-limit compares the longest invocation of each function with its own time limit', () => {
    const { Metrics: metrics, Threshold: threshold, ComparisonOperator: operator } = alarm('functions-near-limit');
    expect([threshold, operator]).toEqual([80, 'GreaterThanOrEqualToThreshold']);
    const stats = metrics.filter(({ MetricStat }: any) => MetricStat);
    const [{ Expression: expression }] = metrics.filter(({ Expression }: any) => Expression);
    const limits = Object.fromEntries(stats.map(({ Id, MetricStat: { Metric: metric, Stat, Period } }: any) => {
      expect([metric.MetricName, Stat, Period]).toEqual(['Duration', 'Maximum', 300]);
      const [, per] = new RegExp(`FILL\\(${Id}, 0\\) / (\\d+)`).exec(expression)!;
      return [asText(metric.Dimensions[0].Value).replace(/^\$\{Functions([A-Za-z]+)[0-9A-F]{8}\}$/, '$1').toLowerCase(), Number(per)];
    }));
    // Milliseconds, of which a hundredth is a percent.
    expect(limits).toEqual(Object.fromEntries(STEPS.map((step) => [step, ENTRIES[step].timeout_seconds * 1000 / 100])));
    expect(expression).toMatch(/^MAX\(\[.*\]\)$/);
  });

  test('uploads-quiet goes off when nothing is counted for as long as the setting says, also when there is no metric at all', () => {
    const quiet = Object.values(resources(everything().template, 'AWS::CloudWatch::Alarm')).map(({ Properties }) => Properties)
      .filter(({ AlarmName }) => AlarmName === 'ecg-pipeline-uploads-quiet');
    expect(quiet).toHaveLength(1);
    expect(quiet[0]).toMatchObject({
      Namespace: 'ecg-pipeline', MetricName: 'Files', Dimensions: [{ Name: 'step', Value: 'start' }], Statistic: 'Sum', Period: 3600,
      Threshold: 1, ComparisonOperator: 'LessThanThreshold', EvaluationPeriods: 24, TreatMissingData: 'breaching',
      AlarmActions: expect.anything(), OKActions: expect.anything(),
    });
    expect(alarms.filter(({ AlarmName }) => AlarmName.endsWith('uploads-quiet'))).toEqual([]);
  });

  test('a command in an alarm or on the dashboard is about this pipeline', () => {
    const { template: trial } = pipeline({ name: 'trial', database: 'trial' });
    const texts = [
      ...Object.values(resources(trial, 'AWS::CloudWatch::Alarm')).map(({ Properties }) => asText(Properties.AlarmDescription)),
      asText(one(trial, 'AWS::CloudWatch::Dashboard')[1].Properties.DashboardBody),
    ];
    const commands = texts.flatMap((text) => [...text.matchAll(/ecg (runs|show|redrive) [^`;,.]*/g)].map(([command]) => command));
    expect(commands.length).toBeGreaterThan(4);
    for (const command of commands) {
      expect(command).toContain('--aws --state-machine trial');
    }
  });

  test('every one goes to the topic, is quiet where nothing happens, and says what to do', () => {
    expect(alarms).toHaveLength(16);
    for (const { AlarmName, AlarmActions, OKActions, AlarmDescription, TreatMissingData } of alarms) {
      expect(AlarmActions, AlarmName).toEqual([{ Ref: topicId }]);
      expect(TreatMissingData, AlarmName).toBe('notBreaching');
      expect(asText(AlarmDescription).length, AlarmName).toBeGreaterThan(60);
      const lasts = ['upload-dead-letters', 'net-dead-letters', 'uploads-wait'].some((name) => AlarmName.endsWith(name));
      expect(OKActions, AlarmName).toEqual(lasts ? [{ Ref: topicId }] : undefined);
    }
  });

  test('how many failures are too many is a setting', () => {
    const changed = pipeline({ failedAlarm: 40 }).template;
    const [, { Properties }] = one(changed, 'AWS::CloudWatch::Alarm', (found) => found.Properties.AlarmName === 'ecg-pipeline-executions-failed');
    expect(Properties.Threshold).toBe(40);
    expect(Properties.AlarmDescription).toContain('40 or more');
  });
});

describe('the topic', () => {
  const [, topic] = one(template, 'AWS::SNS::Topic');
  const [keyId, key] = one(template, 'AWS::KMS::Key');

  test('is encrypted with a key that alarms and the net may use', () => {
    expect(topic.Properties.KmsMasterKeyId).toEqual({ 'Fn::GetAtt': [keyId, 'Arn'] });
    expect(key.Properties.EnableKeyRotation).toBe(true);
    const [ours] = key.Properties.KeyPolicy.Statement.filter(({ Principal }: any) => Principal.Service === 'cloudwatch.amazonaws.com');
    expect(ours.Action).toEqual(['kms:Decrypt', 'kms:GenerateDataKey']);
    expect(rightsOf(template, 'NetMachine')).toEqual(expect.arrayContaining([`sns:Publish on \${${topicId}}`, `kms:GenerateDataKey on \${${keyId}.Arn}`]));
  });

  test('takes messages of this account\'s alarms only, and no connection without TLS', () => {
    const [, policy] = one(template, 'AWS::SNS::TopicPolicy');
    const statements = policy.Properties.PolicyDocument.Statement;
    expect(statements).toHaveLength(2);
    expect(statements).toEqual(expect.arrayContaining([
      expect.objectContaining({ Effect: 'Deny', Action: 'sns:Publish', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
      expect.objectContaining({
        Effect: 'Allow', Action: 'sns:Publish', Principal: { Service: 'cloudwatch.amazonaws.com' },
        Condition: { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } },
      }),
    ]));
  });
});

describe('Slack', () => {
  test('is optional, and synth says that nobody listens', () => {
    expect(resources(template, 'AWS::Chatbot::SlackChannelConfiguration')).toEqual({});
    expect(Annotations.fromStack(stack).findInfo('*', Match.stringLikeRegexp('nobody listens'))).toHaveLength(1);
  });

  test('gets what the topic gets, and may only look', () => {
    const { template: told, stack: toldStack } = pipeline(SLACK);
    const [, { Properties }] = one(told, 'AWS::Chatbot::SlackChannelConfiguration');
    expect(Properties).toMatchObject({
      SlackWorkspaceId: 'T0123ABC', SlackChannelId: 'C0123ABC', ConfigurationName: 'ecg-pipeline-alerts',
      SnsTopicArns: [{ Ref: one(told, 'AWS::SNS::Topic')[0] }],
    });
    const [guardId, guard] = one(told, 'AWS::IAM::ManagedPolicy', (_, id) => id.startsWith('AlertsSlack'));
    expect(Properties.GuardrailPolicies).toEqual([{ Ref: guardId }]);
    for (const action of guard.Properties.PolicyDocument.Statement.flatMap(({ Action }: any) => Action)) {
      expect(action).toMatch(/^cloudwatch:(Describe|Get|List)[A-Za-z]+$/);
    }
    expect(Annotations.fromStack(toldStack).findInfo('*', Match.stringLikeRegexp('nobody listens'))).toEqual([]);
  });
});

describe('the net', () => {
  test('hears of every execution of the workflow that did not succeed, and of nothing else', () => {
    const [, { Properties }] = one(template, 'AWS::Events::Rule', (found) => found.Properties.Name === 'ecg-pipeline-not-succeeded');
    const [workflowId] = one(template, 'AWS::StepFunctions::StateMachine', (found) => found.Properties.StateMachineName === 'ecg-pipeline');
    expect(Properties.EventPattern).toEqual({
      source: ['aws.states'],
      'detail-type': ['Step Functions Execution Status Change'],
      // The net's own executions are none of the workflow's, so it cannot start itself.
      detail: { stateMachineArn: [{ Ref: workflowId }], status: ['FAILED', 'TIMED_OUT', 'ABORTED'] },
    });
    const [netId] = one(template, 'AWS::StepFunctions::StateMachine', (found) => found.Properties.StateMachineName === 'ecg-pipeline-net');
    const [target, ...others] = Properties.Targets;
    expect(others).toEqual([]);
    expect(target).toMatchObject({ Arn: { Ref: netId }, InputPath: '$.detail' });
    expect(target.RetryPolicy).toEqual({ MaximumEventAgeInSeconds: 86_400, MaximumRetryAttempts: 185 });
    expect(asText(target.DeadLetterConfig.Arn)).toMatch(/^\$\{NetDeadLetters/);
  });

  test('may record, tell, look back, look for the row and go on with the execution; nothing else', () => {
    const rights = rightsOf(template, 'NetMachine').filter((right) => !/^(logs|xray|kms):/.test(right))
      .map((right) => right.replaceAll(/[0-9A-F]{8}/g, '').replace(/arn:\$\{AWS::Partition\}:states:\$\{AWS::Region\}:\$\{AWS::AccountId\}:/, ''));
    expect(rights.sort()).toEqual([
      'lambda:InvokeFunction on ${FunctionsCrawl.Arn}',
      'lambda:InvokeFunction on ${FunctionsCrawl.Arn}:*',
      'lambda:InvokeFunction on ${FunctionsNotify.Arn}',
      'lambda:InvokeFunction on ${FunctionsNotify.Arn}:*',
      'lambda:InvokeFunction on ${FunctionsWrite.Arn}',
      'lambda:InvokeFunction on ${FunctionsWrite.Arn}:*',
      's3:ListBucket on ${BucketsProcessed.Arn}',
      'sns:Publish on ${AlertsTopic}',
      'states:GetExecutionHistory on execution:ecg-pipeline:*',
      'states:RedriveExecution on execution:ecg-pipeline:*',
      'states:StartExecution on ${StateMachinesWorkflow}',
    ]);
  });
});

describe('the dashboard', () => {
  const [, { Properties }] = one(template, 'AWS::CloudWatch::Dashboard');
  const { widgets } = JSON.parse(asText(Properties.DashboardBody)) as { widgets: { type: string; x: number; y: number; width: number; height: number; properties: any }[] };

  test('shows every alarm, and every metric that the functions write', () => {
    expect(widgets.find(({ type }) => type === 'alarm')!.properties.alarms).toHaveLength(alarms.length);
    const shown = JSON.stringify(widgets);
    for (const metric of documentedMetrics()) {
      expect(shown).toContain(`["ecg-pipeline","${metric}","step",`);
    }
    for (const step of STEPS) {
      expect(shown).toContain(`"Latency","step","${step}"`);
    }
  });

  test('fits on a page of 24 columns, without overlaps', () => {
    const cells = widgets.flatMap(({ x, y, width, height }) => {
      expect(x + width).toBeLessThanOrEqual(24);
      return Array.from({ length: width * height }, (_, at) => `${x + (at % width)}/${y + Math.floor(at / width)}`);
    });
    expect(new Set(cells).size).toBe(cells.length);
    for (const { type, properties } of widgets.filter(({ type: kind }) => kind !== 'text')) {
      expect(properties.title, type).toBeTruthy();
    }
  });
});

describe('the saved queries of the logs', () => {
  const queries = Object.values(resources(template, 'AWS::Logs::QueryDefinition')).map(({ Properties }) => Properties);

  test('are named after the deployment and look into groups that there are', () => {
    expect(queries.map(({ Name }) => Name).sort()).toEqual([
      'ecg-pipeline/failures by step and error', 'ecg-pipeline/memory and time that functions are billed for',
      'ecg-pipeline/the slowest invocations', 'ecg-pipeline/what happened to this recording',
    ]);
    const groups = Object.entries(resources(template, 'AWS::Logs::LogGroup')).flatMap(([id, found]) => [id, found.Properties.LogGroupName]);
    for (const { LogGroupNames } of queries) {
      const names = LogGroupNames.map((name: any) => (typeof name === 'string' ? name : name.Ref));
      expect(names.length).toBeGreaterThanOrEqual(STEPS.length);
      expect(groups).toEqual(expect.arrayContaining(names));
    }
  });

  test('ask for fields that the functions log', () => {
    const readme = readFileSync(new URL('../../functions/README.md', import.meta.url), 'utf8');
    const documented = [...readme.matchAll(/`([a-z_]+)`/g)].map(([, field]) => field!);
    // What the state machines and Lambda itself log.
    const known = [...documented, 'type', 'details'];
    const dashboard = asText(one(template, 'AWS::CloudWatch::Dashboard')[1].Properties.DashboardBody);
    const texts = [
      ...queries.map(({ QueryString }) => QueryString as string),
      ...(JSON.parse(dashboard) as { widgets: { properties: { query?: string } }[] }).widgets.flatMap(({ properties }) => properties.query ?? []),
    ];
    for (const text of texts) {
      const named = [...text.matchAll(/\bas (\w+)/g)].map(([, name]) => name!);
      const fields = text.replaceAll(/#.*|"[^"]*"|\/[^/]*\/|SOURCE[^|]*\|/g, ' ').match(/(?<![@\w.])[a-z_]\w*(\.\w+)?(?![\w(.])/g) ?? [];
      const words = ['fields', 'filter', 'sort', 'limit', 'stats', 'by', 'as', 'asc', 'desc', 'in', 'like'];
      for (const field of fields.filter((found) => !words.includes(found) && !named.includes(found))) {
        const [outer, inner] = field.split('.') as [string, string?];
        expect(known, `${field} in ${text}`).toContain(outer);
        if (inner && outer === 'span') {
          expect(documented, field).toContain(inner);
        }
      }
    }
    const [first] = queries.filter(({ Name }) => Name.endsWith('this recording'));
    expect(first!.QueryString).toContain('RECORDING_ID');
    expect(first!.QueryString).toContain('/RECORDING_ID/');
  });
});

/** The table of metrics in functions/README.md. */
function documentedMetrics(): string[] {
  const markdown = readFileSync(new URL('../../functions/README.md', import.meta.url), 'utf8');
  const table = /^\| metric \| unit [^]*?\n\n/m.exec(markdown)![0];
  return [...new Set([...table.matchAll(/^\| `([A-Za-z]+)` \|/gm)].map(([, name]) => name!))];
}
