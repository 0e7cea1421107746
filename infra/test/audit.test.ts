import { describe, expect, test } from 'vitest';
import { asText, everything, one, pipeline, resources } from './synthesised.ts';

const { template } = everything();
const [, trail] = one(template, 'AWS::CloudTrail::Trail');
const [bucketId, bucket] = one(template, 'AWS::S3::Bucket', (_, id) => id.startsWith('AuditBucket'));
const ARN = 'arn:${AWS::Partition}:cloudtrail:${AWS::Region}:${AWS::AccountId}:trail/ecg-pipeline-data';

describe('the trail', () => {
  test('costs, so it is off by default', () => expect(resources(pipeline().template, 'AWS::CloudTrail::Trail')).toEqual({}));

  test('records data events of uploads and tables, and nothing else', () => {
    expect(trail.Properties.EventSelectors).toBeUndefined();
    const [selector, ...others] = trail.Properties.AdvancedEventSelectors;
    expect(others).toEqual([]);
    const fields = Object.fromEntries(selector.FieldSelectors.map(({ Field, ...rest }: any) => [Field, rest]));
    expect(Object.keys(fields).sort()).toEqual(['eventCategory', 'resources.ARN', 'resources.type']);
    expect(fields.eventCategory).toEqual({ Equals: ['Data'] });
    expect(fields['resources.type']).toEqual({ Equals: ['AWS::S3::Object'] });
    expect(fields['resources.ARN'].StartsWith.map((arn: unknown) => asText(arn).replaceAll(/[0-9A-F]{8}/g, '')))
      .toEqual(['${BucketsRaw.Arn}/', '${BucketsProcessed.Arn}/']);
  });

  test('is on, can be validated, and is of one region', () => {
    expect(trail.Properties).toMatchObject({
      TrailName: 'ecg-pipeline-data', IsLogging: true, EnableLogFileValidation: true, IsMultiRegionTrail: false, IncludeGlobalServiceEvents: false,
      S3BucketName: { Ref: bucketId },
    });
  });
});

test('its bucket keeps what the setting says, also when the stack is gone', () => {
  expect(bucket.Properties.LifecycleConfiguration.Rules[0].ExpirationInDays).toBe(365);
  expect(bucket.DeletionPolicy).toBe('RetainExceptOnCreate');
  const [, shorter] = one(pipeline({ auditDays: 30 }).template, 'AWS::S3::Bucket', (_, id) => id.startsWith('AuditBucket'));
  expect(shorter.Properties.LifecycleConfiguration.Rules[0].ExpirationInDays).toBe(30);
});

test('only this trail writes into it, and nobody of the stack may change or remove what it wrote', () => {
  const [policyId, policy] = one(template, 'AWS::S3::BucketPolicy', (found) => found.Properties.Bucket.Ref === bucketId);
  expect(trail.DependsOn).toContain(policyId);
  const allowed = policy.Properties.PolicyDocument.Statement.filter(({ Effect }: any) => Effect === 'Allow');
  expect(allowed.map(({ Action, Principal }: any) => [Action, Principal])).toEqual([
    ['s3:GetBucketAcl', { Service: 'cloudtrail.amazonaws.com' }], ['s3:PutObject', { Service: 'cloudtrail.amazonaws.com' }],
  ]);
  for (const { Condition } of allowed) {
    expect(asText(Condition.StringEquals['aws:SourceArn'])).toBe(ARN);
  }
  for (const kind of ['AWS::IAM::Policy', 'AWS::IAM::ManagedPolicy']) {
    expect(JSON.stringify(resources(template, kind))).not.toContain(bucketId);
  }
});
