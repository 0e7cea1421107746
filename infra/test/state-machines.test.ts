import { describe, expect, test } from 'vitest';
import { workflowFile } from '../lib/state-machines.ts';
import { STEPS, WORKFLOW_STEPS, type Step } from '../lib/steps.ts';
import { one, pipeline, resources, rightsOf } from './synthesised.ts';

const { template } = pipeline();
const machine = (name: string) =>
  one(template, 'AWS::StepFunctions::StateMachine', ({ Properties }) => Properties.StateMachineName === name)[1].Properties;
const placeholders = (text: string) => [...new Set([...text.matchAll(/\$\{([^}]*)\}/g)].map(([, name]) => name))].sort();

describe.each([['ecg-pipeline', 'ecg-pipeline.asl.json'], ['ecg-pipeline-backfill', 'backfill.asl.json'], ['ecg-pipeline-net', 'net.asl.json'], ['ecg-pipeline-compact', 'compact.asl.json'], ['ecg-pipeline-forget', 'forget.asl.json']])('%s', (name, file) => {
  test('is the file as it is', () => expect(machine(name).DefinitionString).toBe(workflowFile(file)));

  test('has a value for every name in the file, and none that is not there', () => {
    expect(placeholders(workflowFile(file)).length).toBeGreaterThan(0);
    expect(Object.keys(machine(name).DefinitionSubstitutions).sort()).toEqual(placeholders(workflowFile(file)));
  });

  test('is Standard, traced, and logs everything', () => {
    expect(machine(name).StateMachineType).toBe('STANDARD');
    expect(machine(name).TracingConfiguration).toEqual({ Enabled: true });
    expect(machine(name).LoggingConfiguration).toMatchObject({ Level: 'ALL', IncludeExecutionData: true });
    const [, group] = one(template, 'AWS::Logs::LogGroup', ({ Properties }) => Properties.LogGroupName === `/aws/vendedlogs/states/${name}`);
    expect(group.Properties.RetentionInDays).toBe(90);
  });
});

test('what is logged of executions is a setting', () => {
  const { template: quiet } = pipeline({ executionLog: 'ERROR' });
  for (const { Properties } of Object.values(resources(quiet, 'AWS::StepFunctions::StateMachine'))) {
    expect(Properties.LoggingConfiguration).toMatchObject({ Level: 'ERROR', IncludeExecutionData: true });
  }
});

test.each(['ecg-pipeline', 'ecg-pipeline-net', 'ecg-pipeline-backfill', 'ecg-pipeline-compact'])('each step of %s is a version of the function of that name', (name) => {
  const steps = Object.entries(machine(name).DefinitionSubstitutions).filter(([key]) => STEPS.includes(key as Step)) as [string, any][];
  expect(steps.length).toBeGreaterThan(0);
  for (const [step, arn] of steps) {
    const [id] = one(template, 'AWS::Lambda::Function', ({ Properties }) => Properties.FunctionName === `ecg-pipeline-${step}`);
    // The Ref of a version is its ARN.
    const version = resources(template, 'AWS::Lambda::Version')[arn.Ref]!;
    expect(version.Properties).toEqual({ FunctionName: { Ref: id } });
  }
});

test('the workflow may call every version of its functions, and not start', () => {
  const rights = rightsOf(template, 'StateMachinesWorkflow');
  expect(rights.filter((right) => right.startsWith('lambda:')).map((right) => right.replace(/^.*Functions([A-Z][a-z]+).*?(:\*)?$/, '$1$2')).sort())
    .toEqual([...WORKFLOW_STEPS].sort().map((step) => step[0]!.toUpperCase() + step.slice(1)).flatMap((step) => [step, `${step}:*`]));
  expect(new Set(rights.map((right) => right.split(':')[0]))).toEqual(new Set(['lambda', 'logs', 'xray']));
});

test('the backfill may run itself, the workflow and start, and read what lies in the raw bucket', () => {
  const rights = rightsOf(template, 'StateMachinesBackfill').filter((right) => !/^(logs|xray):/.test(right))
    .map((right) => right.replaceAll(/[0-9A-F]{8}/g, '').replaceAll(/arn:\$\{AWS::Partition\}:([a-z]+):\$\{AWS::Region\}:\$\{AWS::AccountId\}:/g, '$1 '));
  expect(rights.sort()).toEqual([
    'events:DescribeRule on events rule/StepFunctionsGetEventsForStepFunctionsExecutionRule',
    'events:PutRule on events rule/StepFunctionsGetEventsForStepFunctionsExecutionRule',
    'events:PutTargets on events rule/StepFunctionsGetEventsForStepFunctionsExecutionRule',
    'lambda:InvokeFunction on ${FunctionsStart.Arn}',
    'lambda:InvokeFunction on ${FunctionsStart.Arn}:*',
    's3:AbortMultipartUpload on ${BucketsWork.Arn}/backfill/*',
    's3:GetObject on ${BucketsRaw.Arn}/*',
    's3:GetObject on ${BucketsWork.Arn}/backfill/*',
    's3:ListBucket on ${BucketsRaw.Arn}',
    's3:ListBucket on ${BucketsWork.Arn}',
    's3:ListMultipartUploadParts on ${BucketsWork.Arn}/backfill/*',
    's3:PutObject on ${BucketsWork.Arn}/backfill/*',
    'states:DescribeExecution on states execution:ecg-pipeline-backfill/objects:*',
    'states:DescribeExecution on states execution:ecg-pipeline-backfill:*',
    'states:DescribeExecution on states execution:ecg-pipeline:*',
    'states:RedriveExecution on states execution:ecg-pipeline-backfill/objects:*',
    'states:StartExecution on ${StateMachinesWorkflow}',
    'states:StartExecution on states stateMachine:ecg-pipeline-backfill',
    'states:StopExecution on states execution:ecg-pipeline-backfill/objects:*',
    'states:StopExecution on states execution:ecg-pipeline-backfill:*',
    'states:StopExecution on states execution:ecg-pipeline:*',
  ]);
});

test('the rights of the backfill name the Map state as the file does', () => {
  expect(JSON.parse(workflowFile('backfill.asl.json')).States.Objects.Label).toBe('objects');
  expect(JSON.parse(workflowFile('backfill.asl.json')).States.Objects.ResultWriter.Arguments.Prefix).toBe('backfill');
});

test('compaction runs once an hour, on its function only, and not beside a crawler', () => {
  const [, rule] = one(template, 'AWS::Events::Rule', ({ Properties }) => Properties.Name === 'ecg-pipeline-compact');
  expect(rule.Properties.ScheduleExpression).toBe('rate(1 hour)');
  expect(rule.Properties.Targets[0].Input).toBe('{"after_hours":6}');
  const rights = rightsOf(template, 'CompactionMachine').filter((right) => !/^(logs|xray):/.test(right));
  expect(rights.map((right) => right.replace(/^.*Functions([A-Z][a-z]+).*?(:\*)?$/, '$1$2')).sort()).toEqual(['Compact', 'Compact:*']);
  expect(() => pipeline({ crawler: true, compactAfterHours: 6 })).toThrow('setting compactAfterHours: expected 0, since crawler is true');
  const { template: without } = pipeline({ compactAfterHours: 0 });
  expect(Object.values(resources(without, 'AWS::StepFunctions::StateMachine')).map(({ Properties }) => Properties.StateMachineName))
    .not.toContain('ecg-pipeline-compact');
});

test('erasure is there unless it is turned off, on its function only, which has no rights then', () => {
  const rights = rightsOf(template, 'ForgettingMachine').filter((right) => !/^(logs|xray):/.test(right));
  expect(rights.map((right) => right.replace(/^.*Functions([A-Z][a-z]+).*?(:\*)?$/, '$1$2')).sort()).toEqual(['Forget', 'Forget:*']);
  expect(rightsOf(template, 'FunctionsForget').some((right) => right.startsWith('s3:DeleteObjectVersion'))).toBe(true);
  for (const settings of [{ forget: 'false' }, { objectLockDays: 30 }]) {
    const { template: without } = pipeline(settings);
    expect(Object.values(resources(without, 'AWS::StepFunctions::StateMachine')).map(({ Properties }) => Properties.StateMachineName))
      .not.toContain('ecg-pipeline-forget');
    expect(rightsOf(without, 'FunctionsForget').filter((right) => !right.startsWith('logs:'))).toEqual([]);
  }
});
