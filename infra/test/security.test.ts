import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { AwsSolutionsChecks } from 'cdk-nag';
import { Annotations, Match } from 'aws-cdk-lib/assertions';
import { Annotations as Notes, Stack, type App } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as s3 from 'aws-cdk-lib/aws-s3';
import type { IConstruct } from 'constructs';
import { describe, expect, test } from 'vitest';
import { appWith, copyStack, delivery, EVERYTHING, pipeline } from './synthesised.ts';

function findings(scope: IConstruct): string[] {
  return new AwsSolutionsChecks().validateScope(scope).violations
    .flatMap(({ ruleName, violatingResources }) => violatingResources.map(({ constructPath }) => `${ruleName} at ${constructPath}`));
}

const CONNECTION = 'arn:aws:codeconnections:eu-central-1:111111111111:connection/01234567-89ab-cdef-0123-456789abcdef';

const VARIANTS: [string, () => { app: App; stack: Stack }][] = [
  ['the stack as it is', () => pipeline()],
  ['the stack with a crawler', () => pipeline({ crawler: true })],
  ['the stack with Slack', () => pipeline({ slackWorkspaceId: 'T0123ABC', slackChannelId: 'C0123ABC' })],
  ['the stack with everything', () => pipeline(EVERYTHING)],
  ['the stack with everything, a crawler and Lake Formation', () => pipeline({ ...EVERYTHING, crawler: true, lakeFormation: true })],
  ['the second copy', () => copyStack()],
  ['the second copy in another account', () => copyStack({ secondCopy: '222222222222/eu-west-1' })],
  ['the second copy without key and lock', () => copyStack({ customerKey: false, objectLockDays: 0 })],
  ['the delivery from CodeCommit', () => delivery()],
  ['the delivery from GitHub', () => delivery({ repository: 'us/ecg', connectionArn: CONNECTION })],
  ['the delivery of x86_64', () => delivery({ architecture: 'x86_64' })],
  ['the delivery that tells Slack', () => delivery({ slackWorkspaceId: 'T1', deliverySlackChannelId: 'C1' })],
  ['the delivery with a second stage', () => delivery({ secondStage: 'production' }, { name: 'live', database: 'live' })],
  ['the delivery to another account', () => delivery({ secondStage: 'production' }, { account: '222222222222' })],
  ['the delivery to another account and region', () => delivery({ secondStage: 'production' }, { account: '222222222222', region: 'eu-west-1' })],
  ['the delivery to another region', () => delivery({ secondStage: 'production' }, { region: 'eu-west-1' })],
];

describe.each(VARIANTS)('%s', (_, make) => {
  const { app, stack } = make();

  test('has no finding of cdk-nag without a reason', () => expect(findings(app)).toEqual([]));

  test('has no warning of CDK', () => {
    expect(Annotations.fromStack(stack).findWarning('*', Match.anyValue())).toEqual([]);
    expect(Annotations.fromStack(stack).findError('*', Match.anyValue())).toEqual([]);
  });

  test('passes cfn-lint', (context) => {
    const linter = process.env.CFN_LINT ?? 'cfn-lint';
    const file = join(app.outdir, stack.templateFile);
    // W3005: CDK lets a function wait for its role twice, by name and by reference.
    const done = spawnSync(linter, ['--ignore-checks', 'W3005', '--', file], { encoding: 'utf8' });
    if ((done.error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') {
      context.skip(`no ${linter} here: pip install cfn-lint, or name it in CFN_LINT`);
    }
    expect(done.stdout + done.stderr).toBe('');
    expect(done.status).toBe(0);
  });
});

test('a warning of CDK would be seen', () => {
  const careless = new Stack(appWith(), 'Careless');
  new s3.Bucket(careless, 'Open');
  Notes.of(careless).addWarningV2('test', 'careless');
  expect(Annotations.fromStack(careless).findWarning('*', Match.stringLikeRegexp('careless'))).toHaveLength(1);
});

test('cdk-nag would find an open bucket and a star, and a reason for one star is none for another', () => {
  const stack = new Stack(appWith(), 'Careless');
  new s3.Bucket(stack, 'Open');
  new iam.Role(stack, 'Role', { assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com') })
    .addToPolicy(new iam.PolicyStatement({ actions: ['s3:*'], resources: ['*'] }));
  expect(findings(stack)).toEqual(expect.arrayContaining([
    'AwsSolutions-S1 at Careless/Open/Resource',
    'AwsSolutions-S10 at Careless/Open/Resource',
    'AwsSolutions-IAM5[Action::s3:*] at Careless/Role/DefaultPolicy/Resource',
    'AwsSolutions-IAM5[Resource::*] at Careless/Role/DefaultPolicy/Resource',
  ]));

  const { stack: ours } = pipeline();
  const role = ours.node.findAll().find((construct) => construct.node.path === 'Pipeline/Functions/WriteRole') as iam.Role;
  role.addToPolicy(new iam.PolicyStatement({ actions: ['s3:GetObject'], resources: ['arn:aws:s3:::other/*'] }));
  expect(findings(ours)).toEqual(['AwsSolutions-IAM5[Resource::arn:aws:s3:::other/*] at Pipeline/Functions/WriteRole/DefaultPolicy/Resource']);
});
