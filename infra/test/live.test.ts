// Versions and the alias: what runs keeps what it began with, and a deployment that fails goes back.

import { describe, expect, test } from 'vitest';
import { STEPS } from '../lib/steps.ts';
import { asText, before, one, pipeline, resources } from './synthesised.ts';

const { template } = pipeline();
const [workflowId] = one(template, 'AWS::StepFunctions::StateMachine', ({ Properties }) => Properties.StateMachineName === 'ecg-pipeline');
const [versionId, version] = one(template, 'AWS::StepFunctions::StateMachineVersion');
const [aliasId, alias] = one(template, 'AWS::StepFunctions::StateMachineAlias');

test('each function has one version, which stays when it is replaced', () => {
  const versions = Object.values(resources(template, 'AWS::Lambda::Version'));
  const names = versions.map(({ Properties }) => resources(template, 'AWS::Lambda::Function')[Properties.FunctionName.Ref]!.Properties.FunctionName);
  expect(names.sort()).toEqual(STEPS.map((step) => `ecg-pipeline-${step}`).sort());
  for (const found of versions) {
    expect(found).toMatchObject({ DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' });
  }
});

test('a function that changes gets another version, and no other function does', () => {
  const ids = (from: typeof template) => Object.keys(resources(from, 'AWS::Lambda::Version')).sort();
  expect(ids(pipeline().template)).toEqual(ids(template));
  const changed = ids(pipeline({ crawler: true }).template).filter((id) => !ids(template).includes(id));
  expect(changed.map((id) => id.replace(/CurrentVersion.*/, ''))).toEqual(['FunctionsCrawl']);
});

test('a revision of the workflow is a version, and the one before stays', () => {
  expect(version.Properties).toEqual({
    StateMachineArn: { Ref: workflowId }, StateMachineRevisionId: { 'Fn::GetAtt': [workflowId, 'StateMachineRevisionId'] },
  });
  expect(version).toMatchObject({ DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' });
});

describe('the alias', () => {
  test('moves to the new version in two steps, and back when too many fail', () => {
    const [alarmId] = one(template, 'AWS::CloudWatch::Alarm', ({ Properties }) => Properties.AlarmName === 'ecg-pipeline-executions-failed');
    expect(alias.Properties).toEqual({
      Name: 'live',
      Description: expect.any(String),
      DeploymentPreference: {
        Type: 'CANARY', Percentage: 10, Interval: 10, StateMachineVersionArn: { Ref: versionId },
        // The Ref of an alarm is its name, which is what is asked for.
        Alarms: [{ Ref: alarmId }],
      },
    });
  });

  test('moves at once where the setting says so, and no alarm holds it up', () => {
    const [, { Properties }] = one(pipeline({ canaryMinutes: 0 }).template, 'AWS::StepFunctions::StateMachineAlias');
    expect(Properties.DeploymentPreference).toEqual({ Type: 'ALL_AT_ONCE', StateMachineVersionArn: expect.anything() });
  });

  test('is what start, the backfill and the net start executions through', () => {
    const arn = 'arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:stateMachine:ecg-pipeline:live';
    const [, start] = one(template, 'AWS::Lambda::Function', ({ Properties }) => Properties.FunctionName === 'ecg-pipeline-start');
    expect(asText(start.Properties.Environment.Variables.STATE_MACHINE_ARN)).toBe(arn);
    for (const name of ['ecg-pipeline-backfill', 'ecg-pipeline-net']) {
      const [, machine] = one(template, 'AWS::StepFunctions::StateMachine', ({ Properties }) => Properties.StateMachineName === name);
      expect(asText(machine.Properties.DefinitionSubstitutions.pipeline)).toBe(arn);
    }
    expect(template.toJSON().Outputs.StateMachineAliasArn.Value).toEqual({ Ref: aliasId });
    expect(template.toJSON().Outputs.StateMachineVersionArn.Value).toEqual({ Ref: versionId });
  });

  test('is there before the first upload is read, and nothing waits for itself', () => {
    const [mappingId] = one(template, 'AWS::Lambda::EventSourceMapping');
    expect(before(template, mappingId)).toContain(aliasId);
    for (const id of Object.keys(template.toJSON().Resources)) {
      expect(before(template, id), id).not.toContain(id);
    }
  });
});
