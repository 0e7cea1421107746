import { expect, test } from 'vitest';
import { asText, everything, one, pipeline } from './synthesised.ts';

const { template } = pipeline();

test('the outputs are those that README, the command line and the emulator suite ask for', () => {
  const outputs = Object.fromEntries(
    Object.entries(template.toJSON().Outputs as Record<string, { Value: unknown }>).map(([name, { Value }]) => [name, asText(Value)]));
  expect(Object.keys(outputs).sort()).toEqual([
    'AlertTopicArn', 'AnalystPolicyArn', 'BackfillStateMachineArn', 'DashboardName', 'DatabaseName', 'DeadLetterQueueUrl', 'ForgetStateMachineArn', 'NetDeadLetterQueueUrl',
    'NetStateMachineArn', 'ProcessedBucketName', 'QueueUrl', 'RawBucketName', 'SlackSecretName', 'StateMachineAliasArn',
    'StateMachineArn', 'StateMachineVersionArn', 'WorkBucketName', 'WorkgroupName',
  ]);
  expect(outputs).toMatchObject({ DatabaseName: 'ecg', WorkgroupName: 'ecg-pipeline', SlackSecretName: 'ecg-pipeline/slack' });
});

test('settings add outputs; only a lock takes one away, because what is locked cannot be erased', () => {
  const outputs = everything().template.toJSON().Outputs as Record<string, { Value: unknown }>;
  expect(Object.keys(outputs).filter((name) => !(name in template.toJSON().Outputs)).sort()).toEqual(['ObjectLockDays', 'UploaderPolicyArns']);
  expect(Object.keys(template.toJSON().Outputs).filter((name) => !(name in outputs))).toEqual(['ForgetStateMachineArn']);
  expect(outputs.ObjectLockDays!.Value).toBe('30');
});

test('the secret for Slack is there and not filled in', () => {
  const [, secret] = one(template, 'AWS::SecretsManager::Secret');
  expect(secret.Properties.Name).toBe('ecg-pipeline/slack');
  expect(secret.Properties.SecretString).toBe('{}');
  expect(secret.Properties.GenerateSecretString).toBeUndefined();
});
