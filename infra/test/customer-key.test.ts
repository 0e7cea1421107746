// The setting customerKey: everything that can be encrypted with one key of the account is, and who needs the key has it.

import { describe, expect, test } from 'vitest';
import { keyActions } from '../lib/customer-key.ts';
import { ENTRIES, STEPS } from '../lib/steps.ts';
import { asText, everything, one, pipeline, resources, statementsOf } from './synthesised.ts';

const { template } = everything();
const [keyId, key] = one(template, 'AWS::KMS::Key');
const ARN = { 'Fn::GetAtt': [keyId, 'Arn'] };

describe('the key', () => {
  test('is one, is rotated, and stays: without it nothing that stays could be read', () => {
    expect(key.Properties.EnableKeyRotation).toBe(true);
    expect(key.DeletionPolicy).toBe('RetainExceptOnCreate');
    expect(Object.keys(resources(pipeline().template, 'AWS::KMS::Key'))).toEqual([expect.stringMatching(/^AlertsKey/)]);
  });

  const services = key.Properties.KeyPolicy.Statement.flatMap(({ Principal, Action, Condition }: any) =>
    [Principal.Service ?? []].flat().map((service: any) => [asText(service), [Action].flat(), Condition] as const));

  test.each([
    // S3 and EventBridge send to queues, CloudWatch and Budgets to the topic.
    ['s3.amazonaws.com', ['kms:Decrypt', 'kms:GenerateDataKey']], ['events.amazonaws.com', ['kms:Decrypt', 'kms:GenerateDataKey']],
    ['cloudwatch.amazonaws.com', ['kms:Decrypt', 'kms:GenerateDataKey']], ['budgets.amazonaws.com', ['kms:Decrypt', 'kms:GenerateDataKey']],
  ])('lets %s send, whose messages are lost where it is refused', (service, actions) => {
    expect(services.filter(([name]: any) => name === service)).toEqual([[service, actions, undefined]]);
  });

  test('lets CloudWatch Logs and the trail use it for what is of this pipeline', () => {
    const [[, , logs], ...more] = services.filter(([name]: any) => name === 'logs.${AWS::Region}.amazonaws.com');
    expect(more).toEqual([]);
    expect(logs.ArnLike['kms:EncryptionContext:aws:logs:arn'].map((arn: unknown) => asText(arn).replace(/^.*:log-group:/, '')))
      .toEqual(['/aws/lambda/ecg-pipeline*', '/aws/vendedlogs/states/ecg-pipeline*']);
    const [[, , trail]] = services.filter(([name]: any) => name === 'cloudtrail.amazonaws.com');
    expect(asText(trail.StringEquals['aws:SourceArn'])).toMatch(/:trail\/ecg-pipeline-data$/);
    expect(services).toHaveLength(6);
  });

  test('belongs to this account and no other', () => {
    const accounts = key.Properties.KeyPolicy.Statement.filter(({ Principal }: any) => Principal.AWS);
    expect(accounts.map(({ Principal }: any) => asText(Principal.AWS))).toEqual(['arn:${AWS::Partition}:iam::${AWS::AccountId}:root']);
  });
});

describe('encrypted with it is', () => {
  const of = (type: string) => Object.entries(resources(template, type));

  test.each(of('AWS::S3::Bucket'))('the bucket %s, but for access logs, which S3 delivers to keys of its own only', (id, { Properties }) => {
    const [rule, ...others] = Properties.BucketEncryption.ServerSideEncryptionConfiguration;
    expect(others).toEqual([]);
    expect(rule).toEqual(id.startsWith('BucketsAccessLogs')
      ? { ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }
      : { ServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms', KMSMasterKeyID: ARN }, BucketKeyEnabled: true });
  });

  test.each(of('AWS::SQS::Queue'))('the queue %s', (_, { Properties }) => {
    expect(Properties.KmsMasterKeyId).toEqual(ARN);
    expect(Properties.SqsManagedSseEnabled).toBeUndefined();
  });

  test.each(of('AWS::Logs::LogGroup'))('the log %s', (_, { Properties }) => {
    expect(Properties.KmsKeyId).toEqual(ARN);
    // What the key's policy lets CloudWatch Logs do it for.
    expect(Properties.LogGroupName).toMatch(/^\/aws\/(lambda|vendedlogs\/states)\/ecg-pipeline/);
  });

  test('the topic, the secret, the trail and the answers of Athena', () => {
    expect(one(template, 'AWS::SNS::Topic')[1].Properties.KmsMasterKeyId).toEqual(ARN);
    expect(one(template, 'AWS::SecretsManager::Secret')[1].Properties.KmsKeyId).toEqual(ARN);
    expect(one(template, 'AWS::CloudTrail::Trail')[1].Properties.KMSKeyId).toEqual(ARN);
    expect(one(template, 'AWS::Athena::WorkGroup')[1].Properties.WorkGroupConfiguration.ResultConfiguration.EncryptionConfiguration)
      .toEqual({ EncryptionOption: 'SSE_KMS', KmsKey: ARN });
  });
});

describe('who may use it', () => {
  /** What each role may do with the key, by construct. */
  const use = (from: typeof template) => Object.fromEntries(Object.entries(resources(from, 'AWS::IAM::Policy')).flatMap(([name, policy]) => {
    const actions = statementsOf(policy).filter(({ resources: on }) => on.includes('${CustomerKey.Arn}')).flatMap((statement) => statement.actions);
    return actions.length > 0 ? [[name.replace(/(Role)?(DefaultPolicy)?[0-9A-F]{8}$/, ''), actions]] : [];
  }));

  test('are the roles that read or write what is encrypted, and no others', () => {
    const both = ['kms:Decrypt', 'kms:GenerateDataKey'];
    expect(use(template)).toEqual({
      ...Object.fromEntries(STEPS.filter((step) => keyActions(ENTRIES[step].rights).length > 0)
        .map((step) => [`Functions${step[0]!.toUpperCase()}${step.slice(1)}`, keyActions(ENTRIES[step].rights)])),
      StateMachinesBackfill: both, NetMachine: both, SmokeTest: both, Loss: ['kms:Decrypt'],
    });
  });

  test.each([
    ['start', ['kms:Decrypt']], ['validate', ['kms:Decrypt', 'kms:GenerateDataKey']], ['notify', ['kms:Decrypt', 'kms:GenerateDataKey']],
  ] as const)('%s: %j, by its rights', (step, actions) => expect(keyActions(ENTRIES[step].rights)).toEqual(actions));

  test('is a crawler too', () => {
    expect(use(pipeline({ customerKey: true, crawler: true }).template)).toMatchObject({ CatalogCrawler: ['kms:Decrypt'] });
  });
});
