// The role that a delivery takes on around a deployment has the rights of the scripts that it runs, and no other.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { asText, everything, one, pipeline, statementsOf } from './synthesised.ts';

const { template } = pipeline();
const [roleId, role] = one(template, 'AWS::IAM::Role', ({ Properties }) => asText(Properties.RoleName ?? '').includes('-smoke-'));
const [, policy] = one(template, 'AWS::IAM::Policy', ({ Properties }) => Properties.Roles.some((name: any) => name.Ref === roleId));
const statements = policy.Properties.PolicyDocument.Statement.map(({ Action, Resource }: any) => ({
  actions: [Action].flat() as string[],
  resources: [Resource].flat().map((resource: any) => asText(resource).replaceAll(/([A-Za-z])[0-9A-F]{8}/g, '$1').replace(/arn:\$\{AWS::Partition\}:([a-z]+):\$\{AWS::Region\}:\$\{AWS::AccountId\}:/, '$1 ')) as string[],
}));
const resourcesOf = (action: string): string[] => statements.filter(({ actions }: any) => actions.includes(action)).flatMap(({ resources }: any) => resources).sort();

/** Operations whose right is not called as they are, and what Athena does in the name of whoever asks it. */
const RIGHTS: Record<string, string[]> = {
  'lambda:Invoke': ['lambda:InvokeFunction'],
  'lambda:DeleteFunction': ['lambda:DeleteFunction'],
  's3:HeadObject': ['s3:GetObject', 's3:GetObjectVersion'],
  's3:ListObjectVersions': ['s3:ListBucketVersions'],
  // Always with a version.
  's3:DeleteObject': ['s3:DeleteObjectVersion'],
  'athena:StartQueryExecution': [
    'athena:StartQueryExecution', 'glue:GetDatabase', 'glue:GetTable', 'glue:GetPartitions', 's3:GetBucketLocation', 's3:ListBucket',
    's3:GetObject', 's3:PutObject', 's3:AbortMultipartUpload', 's3:ListMultipartUploadParts',
  ],
};
const SERVICES: Record<string, string> = { stepfunctions: 'states', s3api: 's3' };

test('it has the rights of what the scripts call, and no other', () => {
  const scripts = ['deployed.sh', 'before-deployment.sh', 'smoke-test.sh', 'prune-versions.sh']
    .map((name) => readFileSync(new URL(`../${name}`, import.meta.url), 'utf8').replaceAll(/^\s*#.*|echo "error.*|^logs=.*/gm, '')).join('\n');
  const called = [...scripts.matchAll(/\baws ([a-z0-9]+) ([a-z]+(?:-[a-z]+)*)\b/g)].flatMap(([, service, operation]) => {
    const name = `${SERVICES[service!] ?? service}:${operation!.split('-').map((word) => word[0]!.toUpperCase() + word.slice(1)).join('')}`;
    return RIGHTS[name] ?? [name];
  // What is asked about one's own identity needs no right.
  }).filter((right) => right !== 'sts:GetCallerIdentity');
  const granted = statements.flatMap(({ actions }: any) => actions);
  expect([...new Set(granted)].sort()).toEqual([...new Set(called)].sort());
});

test('this account may take it on, under a name that another region can use too', () => {
  expect(asText(role.Properties.RoleName)).toBe('ecg-pipeline-smoke-${AWS::Region}');
  expect(role.Properties.AssumeRolePolicyDocument.Statement).toEqual([
    { Action: 'sts:AssumeRole', Effect: 'Allow', Principal: { AWS: expect.anything() } },
  ]);
  expect(asText(role.Properties.AssumeRolePolicyDocument.Statement[0].Principal.AWS)).toBe('arn:${AWS::Partition}:iam::${AWS::AccountId}:root');
});

test('where uploads are locked it may remove those of the smoke test, and asks for that only there', () => {
  const [id] = one(everything().template, 'AWS::IAM::Role', ({ Properties }) => asText(Properties.RoleName ?? '').includes('-smoke-'));
  const [, locked] = one(everything().template, 'AWS::IAM::Policy', ({ Properties }) => Properties.Roles.some((name: any) => name.Ref === id));
  const bypass = statementsOf(locked).filter(({ actions }) => actions.includes('s3:BypassGovernanceRetention'));
  expect(bypass.flatMap(({ resources }) => resources)).toEqual(['${BucketsRaw.Arn}/smoke-test/*']);
  expect(resourcesOf('s3:BypassGovernanceRetention')).toEqual([]);
  const script = readFileSync(new URL('../smoke-test.sh', import.meta.url), 'utf8');
  expect(script.match(/--bypass-governance-retention/g)).toHaveLength(1);
  expect(script).toMatch(/\[ -z "\$\(output ObjectLockDays\)" \] \|\| bypass=--bypass-governance-retention/);
});

test('it removes what the smoke test made, and versions of functions but no function', () => {
  expect(resourcesOf('s3:DeleteObjectVersion')).toEqual([
    ...['beats', 'recordings', 'rejections', 'segments', 'windows'].map((table) => `\${BucketsProcessed.Arn}/${table}/dt=*/smoke-test-*`),
    '${BucketsRaw.Arn}/smoke-test/*', '${BucketsResults.Arn}/results/*', '${BucketsWork.Arn}/smoke-test-*',
  ]);
  expect(resourcesOf('states:StopExecution')).toEqual(['states execution:ecg-pipeline:smoke-test-*']);
  expect(resourcesOf('states:UpdateStateMachineAlias')).toEqual(['${StateMachinesWorkflow}']);
  expect(resourcesOf('cloudformation:DescribeStacks')).toEqual(['cloudformation stack/ecg-pipeline/*']);
  for (const resource of resourcesOf('lambda:DeleteFunction')) {
    expect(resource).toMatch(/^\$\{Functions[A-Z][a-z]+\.Arn\}:\*$/);
  }
  expect(resourcesOf('s3:PutObject')).toEqual(['${BucketsRaw.Arn}/smoke-test/*', '${BucketsResults.Arn}/results/*']);
});
