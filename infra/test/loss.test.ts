// What is kept whatever happens: locked uploads, the second copy, and what stays when the stack is deleted.

import { readFileSync } from 'node:fs';
import { CfnResource } from 'aws-cdk-lib';
import { Annotations, Match } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
import { TABLES } from '../lib/catalog.ts';
import { asText, copyStack, everything, one, pipeline, resources, statementsOf, type Resource } from './synthesised.ts';

const { template, stack } = everything();
const bucket = (from: typeof template, id: string) => one(from, 'AWS::S3::Bucket', (_, found) => found.startsWith(id))[1];

describe('the lock on uploads', () => {
  const lock = {
    ObjectLockEnabled: true,
    ObjectLockConfiguration: { ObjectLockEnabled: 'Enabled', Rule: { DefaultRetention: { Mode: 'GOVERNANCE', Days: 30 } } },
  };

  test('is on raw for the days of the setting, and on nothing else of the stack', () => {
    expect(bucket(template, 'BucketsRaw').Properties).toMatchObject(lock);
    const locked = Object.entries(resources(template, 'AWS::S3::Bucket')).filter(([, { Properties }]) => 'ObjectLockEnabled' in Properties);
    expect(locked.map(([id]) => id)).toEqual([expect.stringMatching(/^BucketsRaw/)]);
    expect(JSON.stringify(pipeline().template.toJSON())).not.toContain('ObjectLock');
  });

  test('makes no new bucket: what differs are properties that CloudFormation changes in place', () => {
    const before = pipeline({ objectLockDays: 0 }).template;
    const after = pipeline({ objectLockDays: 30 }).template;
    const [idBefore] = one(before, 'AWS::S3::Bucket', (_, id) => id.startsWith('BucketsRaw'));
    const [idAfter] = one(after, 'AWS::S3::Bucket', (_, id) => id.startsWith('BucketsRaw'));
    expect(idAfter).toBe(idBefore);
    const { ObjectLockEnabled: _, ObjectLockConfiguration: __, ...rest } = bucket(after, 'BucketsRaw').Properties;
    expect(rest).toEqual(bucket(before, 'BucketsRaw').Properties);
    // Of all properties these three decide on a new bucket, and the stack sets none of them.
    for (const name of ['BucketName', 'BucketNamePrefix', 'BucketNamespace']) {
      expect(bucket(after, 'BucketsRaw').Properties).not.toHaveProperty(name);
    }
  });

  test('is bypassed by no role but that of the smoke test, and no policy for people', () => {
    const bypassing = ['AWS::IAM::Policy', 'AWS::IAM::ManagedPolicy'].flatMap((kind) => Object.entries(resources(template, kind)))
      .filter(([, policy]) => statementsOf(policy).some(({ actions }) => actions.some((action) => /^s3:(Bypass|PutObjectRetention|PutBucketObjectLock|PutObjectLegalHold)/.test(action))));
    expect(bypassing.map(([id]) => id)).toEqual([expect.stringMatching(/^SmokeTest/)]);
  });

  test('and what it rules out is said at synth', () => {
    expect(Annotations.fromStack(stack).findInfo('*', Match.stringLikeRegexp('cannot be erased either: forget is off'))).toHaveLength(1);
    expect(Annotations.fromStack(pipeline().stack).findInfo('*', Match.stringLikeRegexp('forget'))).toEqual([]);
  });
});

describe('the second copy', () => {
  const { template: copy } = copyStack();

  test('is none by default', () => {
    const text = JSON.stringify(pipeline().template.toJSON());
    expect(text).not.toContain('ReplicationConfiguration');
    expect(text).not.toContain('s3:Replicate');
  });

  const ofTables = [...TABLES, 'erased'].map((name) => `${name}/`);
  test.each([
    ['Raw', 'raw', ['']], ['Processed', 'processed', ofTables],
  ])('of %s has every new version; a removal does not reach it', (id, name, prefixes) => {
    const { Role, Rules: rules } = bucket(template, `Buckets${id}`).Properties.ReplicationConfiguration;
    expect(asText(Role)).toMatch(/^\$\{LossRole/);
    expect(rules.map(({ Filter }: any) => Filter.Prefix)).toEqual(prefixes);
    // S3 wants both to be different in each rule.
    for (const differs of ['Id', 'Priority']) {
      expect(new Set(rules.map((rule: any) => rule[differs])).size).toBe(prefixes.length);
    }
    for (const rule of rules) {
      expect(rule).toMatchObject({ Status: 'Enabled', DeleteMarkerReplication: { Status: 'Disabled' } });
      expect(asText(rule.Destination.Bucket)).toBe(`arn:\${AWS::Partition}:s3:::ecg-pipeline-copy-${name}-\${AWS::AccountId}-eu-west-1`);
    }
    expect(bucket(template, `Buckets${id}`).Properties.VersioningConfiguration).toEqual({ Status: 'Enabled' });
  });

  test('goes to buckets that the other stack makes: the same names, versioned, closed and kept', () => {
    for (const [id, name] of [['Raw', 'raw'], ['Processed', 'processed']] as const) {
      const { Properties, DeletionPolicy } = bucket(copy, id);
      const { Rules: [rule] } = bucket(template, `Buckets${id}`).Properties.ReplicationConfiguration;
      expect(asText(rule.Destination.Bucket)).toBe(`arn:\${AWS::Partition}:s3:::${asText(Properties.BucketName)}`);
      expect(asText(Properties.BucketName)).toBe(`ecg-pipeline-copy-${name}-\${AWS::AccountId}-eu-west-1`);
      expect(Properties.VersioningConfiguration).toEqual({ Status: 'Enabled' });
      expect(Properties.PublicAccessBlockConfiguration.RestrictPublicBuckets).toBe(true);
      expect(DeletionPolicy).toBe('RetainExceptOnCreate');
    }
  });

  test('is locked where the uploads are, as S3 wants it, and its role reads the locks', () => {
    expect(bucket(copy, 'Raw').Properties.ObjectLockConfiguration).toEqual(bucket(template, 'BucketsRaw').Properties.ObjectLockConfiguration);
    expect(JSON.stringify(bucket(copy, 'Processed').Properties)).not.toContain('ObjectLock');
    const [, policy] = one(template, 'AWS::IAM::Policy', (_, id) => id.startsWith('LossRole'));
    expect(statementsOf(policy).filter(({ actions }) => actions.includes('s3:GetObjectRetention')).flatMap(({ resources: on }) => on)).toEqual(['${BucketsRaw.Arn}/*']);
  });

  test('is encrypted with a key of its own region, found by its alias', () => {
    const { Rules: [rule] } = bucket(template, 'BucketsRaw').Properties.ReplicationConfiguration;
    expect(rule.SourceSelectionCriteria).toEqual({ SseKmsEncryptedObjects: { Status: 'Enabled' } });
    expect(asText(rule.Destination.EncryptionConfiguration.ReplicaKmsKeyID)).toBe('arn:${AWS::Partition}:kms:eu-west-1:${AWS::AccountId}:alias/ecg-pipeline-copy');
    expect(one(copy, 'AWS::KMS::Alias')[1].Properties.AliasName).toBe('alias/ecg-pipeline-copy');
    expect(one(copy, 'AWS::KMS::Key')[1].DeletionPolicy).toBe('RetainExceptOnCreate');
  });

  test('is made with rights to copy and none to remove', () => {
    const [, policy] = one(template, 'AWS::IAM::Policy', (_, id) => id.startsWith('LossRole'));
    const actions = new Set(statementsOf(policy).flatMap((statement) => statement.actions));
    expect([...actions].sort()).toEqual([
      'kms:Decrypt', 'kms:Encrypt', 'kms:GenerateDataKey', 's3:GetObjectLegalHold', 's3:GetObjectRetention', 's3:GetObjectVersionAcl',
      's3:GetObjectVersionForReplication', 's3:GetObjectVersionTagging', 's3:GetReplicationConfiguration', 's3:ListBucket',
      's3:ReplicateObject', 's3:ReplicateTags',
    ]);
    const [, elsewhere] = one(pipeline({ secondCopy: 'eu-west-1' }).template, 'AWS::IAM::Policy', (_, id) => id.startsWith('LossRole'));
    expect(JSON.stringify(elsewhere)).not.toMatch(/kms:|ObjectRetention/);
  });

  test('in another account lets in the role of the pipeline and nobody else', () => {
    const secondCopy = '222222222222/eu-west-1';
    const there = copyStack({ secondCopy }).template;
    const here = pipeline({ secondCopy }).template;
    const [, role] = one(here, 'AWS::IAM::Role', (_, id) => id.startsWith('LossRole'));
    expect(role.Properties.RoleName).toBe('ecg-pipeline-copy-to-eu-west-1');
    expect(bucket(there, 'Raw').Properties.BucketName).toBe('ecg-pipeline-copy-raw-222222222222-eu-west-1');
    for (const id of ['Raw', 'Processed']) {
      const [policyOf] = Object.entries(resources(there, 'AWS::S3::Bucket')).find(([found]) => found.startsWith(id))!;
      const [, policy] = one(there, 'AWS::S3::BucketPolicy', ({ Properties }) => asText(Properties.Bucket) === `\${${policyOf}}`);
      const allowed = policy.Properties.PolicyDocument.Statement.filter(({ Effect, Principal }: any) => Effect === 'Allow' && Principal.AWS);
      expect(allowed).toHaveLength(1);
      expect(allowed[0].Action).toEqual(['s3:ReplicateObject', 's3:ReplicateTags']);
      expect(asText(allowed[0].Condition.StringEquals['aws:PrincipalArn'])).toBe('arn:${AWS::Partition}:iam::${SourceAccount}:role/ecg-pipeline-copy-to-eu-west-1');
    }
  });
});

/** Types of resources that hold nothing that could be lost: made again, they are as before. */
const NOTHING_IN_THEM = [
  'AWS::Athena::NamedQuery', 'AWS::Budgets::Budget', 'AWS::Chatbot::SlackChannelConfiguration', 'AWS::CloudTrail::Trail',
  'AWS::CloudWatch::Alarm', 'AWS::CloudWatch::Dashboard', 'AWS::Events::Rule', 'AWS::Glue::Crawler', 'AWS::IAM::ManagedPolicy',
  'AWS::IAM::Policy', 'AWS::IAM::Role', 'AWS::KMS::Alias', 'AWS::Lambda::EventSourceMapping', 'AWS::Lambda::Function',
  'AWS::Logs::QueryDefinition', 'AWS::S3::BucketPolicy', 'AWS::SNS::TopicPolicy', 'AWS::SQS::QueuePolicy',
  'AWS::StepFunctions::StateMachineAlias', 'Custom::Catalog',
];

describe('what happens when the stack is deleted', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const [table] = /^\| what \| in the stack \| when it is deleted \|[^]*?\n\n/m.exec(readme)!;
  const rows = [...table.matchAll(/^\| [^|`]+ \| (`[^|]+`) \| (kept|removed)\b/gm)].map(([, paths, fate]) => ({
    patterns: paths!.split(', ').map((path) => new RegExp(`^${path.replaceAll('`', '').replaceAll('*', '[^/]+')}$`)), fate,
  }));
  const stateful = [pipeline(), everything(), pipeline({ crawler: true })].flatMap((made) => {
    const bodies = made.template.toJSON().Resources as Record<string, Resource>;
    return made.stack.node.findAll().filter((found): found is CfnResource => found instanceof CfnResource).map((found) => {
      const { Type, DeletionPolicy } = bodies[made.stack.resolve(found.logicalId) as string]!;
      const path = found.node.path.replace(/^[^/]+\//, '').replace(/\/Resource$/, '');
      return { path, Type, fate: DeletionPolicy?.startsWith('Retain') ? 'kept' : 'removed' };
    });
  }).filter(({ Type }) => !NOTHING_IN_THEM.includes(Type));

  test('is said in README for every resource that holds something', () => {
    expect(stateful.length).toBeGreaterThan(25);
    for (const { path, Type, fate } of stateful) {
      const found = rows.filter(({ patterns }) => patterns.some((pattern) => pattern.test(path)));
      expect(found.map((row) => row.fate), `${path} (${Type}): one row of the table under "Remove it", or its type in NOTHING_IN_THEM`).toEqual([fate]);
    }
  });

  test('and for nothing that is not there', () => {
    for (const { patterns } of rows) {
      for (const pattern of patterns) {
        expect(stateful.some(({ path }) => pattern.test(path)), String(pattern)).toBe(true);
      }
    }
  });

  test('recordings, tables, their record and the key that opens them are kept', () => {
    for (const [type, kept] of [['AWS::S3::Bucket', 6], ['AWS::Glue::Database', 1], ['AWS::KMS::Key', 1]] as const) {
      const all = Object.values(resources(template, type));
      expect(all).toHaveLength(kept);
      for (const { DeletionPolicy } of all) {
        expect(DeletionPolicy).toBe('RetainExceptOnCreate');
      }
    }
  });
});
