import { describe, expect, test } from 'vitest';
import { asText, one, pipeline, resources } from './synthesised.ts';

const { template } = pipeline();
const bucket = (name: string) => one(template, 'AWS::S3::Bucket', (_, id) => id.startsWith(`Buckets${name}`));
const rules = (name: string) => bucket(name)[1].Properties.LifecycleConfiguration.Rules;

describe('every bucket', () => {
  const all = Object.entries(resources(template, 'AWS::S3::Bucket'));

  test('there are five', () => expect(all).toHaveLength(5));

  test.each(all)('%s is closed, encrypted and kept', (id, { Properties, DeletionPolicy }) => {
    expect(Properties.PublicAccessBlockConfiguration).toEqual({
      BlockPublicAcls: true, BlockPublicPolicy: true, IgnorePublicAcls: true, RestrictPublicBuckets: true,
    });
    expect(Properties.BucketEncryption.ServerSideEncryptionConfiguration[0].ServerSideEncryptionByDefault.SSEAlgorithm).toBe('AES256');
    expect(Properties.OwnershipControls.Rules).toEqual([{ ObjectOwnership: 'BucketOwnerEnforced' }]);
    // But for a deployment that failed, which has to be repeatable.
    expect(DeletionPolicy).toBe('RetainExceptOnCreate');
    const [, policy] = one(template, 'AWS::S3::BucketPolicy', (resource) => resource.Properties.Bucket.Ref === id);
    const denied = policy.Properties.PolicyDocument.Statement.filter((statement: any) => statement.Effect === 'Deny');
    expect(denied).toContainEqual(expect.objectContaining({
      Action: 's3:*', Principal: { AWS: '*' }, Condition: { Bool: { 'aws:SecureTransport': 'false' } },
    }));
    expect(denied).toContainEqual(expect.objectContaining({ Condition: { NumericLessThan: { 's3:TlsVersion': 1.2 } } }));
  });

  test.each(all)('%s drops unfinished uploads', (_, { Properties }) => {
    expect(Properties.LifecycleConfiguration.Rules[0].AbortIncompleteMultipartUpload).toEqual({ DaysAfterInitiation: 2 });
  });

  test.each(all.filter(([id]) => !id.startsWith('BucketsAccessLogs')))('%s says who used it', (_, { Properties }) => {
    expect(Properties.LoggingConfiguration.DestinationBucketName).toEqual({ Ref: bucket('AccessLogs')[0] });
  });
});

test('uploads keep every version, which moves to Glacier unless it is small', () => {
  const [, { Properties }] = bucket('Raw');
  expect(Properties.VersioningConfiguration).toEqual({ Status: 'Enabled' });
  expect(Properties.LifecycleConfiguration.TransitionDefaultMinimumObjectSize).toBe('all_storage_classes_128K');
  const [rule, ...others] = rules('Raw');
  expect(others).toEqual([]);
  expect(rule.Transitions).toEqual([{ StorageClass: 'GLACIER', TransitionInDays: 90 }]);
  expect(rule.NoncurrentVersionTransitions).toEqual([{ StorageClass: 'GLACIER', TransitionInDays: 90 }]);
  expect(Object.keys(rule).filter((key) => key.includes('Expiration'))).toEqual([]);
});

test('the days until Glacier are a setting, and 0 is never', () => {
  const of = (rawGlacierDays: number) =>
    one(pipeline({ rawGlacierDays }).template, 'AWS::S3::Bucket', (_, id) => id.startsWith('BucketsRaw'))[1]
      .Properties.LifecycleConfiguration.Rules[0];
  expect(of(7).Transitions[0].TransitionInDays).toBe(7);
  expect(of(7).NoncurrentVersionTransitions[0].TransitionInDays).toBe(7);
  expect(of(0).Transitions).toBeUndefined();
  expect(of(0).NoncurrentVersionTransitions).toBeUndefined();
});

test('only recordings are announced, to the queue, which lets S3 of this account in', () => {
  const [id, raw] = bucket('Raw');
  const [queueId] = one(template, 'AWS::SQS::Queue', (queue) => queue.Properties.QueueName === 'ecg-pipeline-uploads');
  const announced = raw.Properties.NotificationConfiguration;
  expect(Object.keys(announced)).toEqual(['QueueConfigurations']);
  expect(announced.QueueConfigurations).toEqual(['.mat', '.MAT', '.dat', '.DAT', '.edf', '.EDF', '.bdf', '.BDF'].map((value) => ({
    Event: 's3:ObjectCreated:*',
    Queue: { 'Fn::GetAtt': [queueId, 'Arn'] },
    Filter: { S3Key: { Rules: [{ Name: 'suffix', Value: value }] } },
  })));
  for (const other of Object.keys(resources(template, 'AWS::S3::Bucket')).filter((name) => name !== id)) {
    expect(resources(template, 'AWS::S3::Bucket')[other]!.Properties.NotificationConfiguration).toBeUndefined();
  }

  const [policyId, policy] = one(template, 'AWS::SQS::QueuePolicy', ({ Properties }) => asText(Properties.Queues[0]) === `\${${queueId}}`);
  expect(raw.DependsOn).toContain(policyId);
  expect(policy.Properties.PolicyDocument.Statement).toContainEqual(expect.objectContaining({
    Effect: 'Allow', Action: 'sqs:SendMessage', Principal: { Service: 's3.amazonaws.com' },
    Condition: { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } },
  }));
});

test('work objects and query results expire, later than a redrive is possible', () => {
  for (const name of ['Work', 'Results']) {
    expect(rules(name)[0].ExpirationInDays).toBe(30);
  }
});

test('tables do not expire; what a rerun replaced does', () => {
  const [rule, ...others] = rules('Processed');
  expect(others).toEqual([]);
  expect(rule.ExpirationInDays).toBeUndefined();
  expect(rule.NoncurrentVersionExpiration).toEqual({ NoncurrentDays: 30 });
  expect(bucket('Processed')[1].Properties.VersioningConfiguration).toEqual({ Status: 'Enabled' });
});
