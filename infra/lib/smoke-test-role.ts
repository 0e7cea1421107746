// What a delivery may do in the place that it deploys to: the calls of before-deployment.sh, smoke-test.sh and
// prune-versions.sh. A role in this stack and not of the delivery's builds: only here are the names of the buckets known, and a stage may
// lie in another account.

import { Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import type { Buckets } from './buckets.ts';
import { TABLES, type Catalog } from './catalog.ts';
import { explain } from './explain.ts';
import type { Settings } from './settings.ts';
import { allow, executionsArn, type StateMachines } from './state-machines.ts';
import { STEPS, type Step } from './steps.ts';

/** What the key and the recording id of its upload begin with. */
const UPLOAD = 'smoke-test/*';
const RECORDING = 'smoke-test-*';

export interface SmokeTestRoleProps {
  readonly settings: Settings;
  readonly buckets: Buckets;
  readonly catalog: Catalog;
  readonly functions: Record<Step, lambda.Function>;
  readonly machines: StateMachines;
  readonly net: sfn.StateMachine;
  /** The account whose delivery may take on the role. */
  readonly trusted: string;
}

export class SmokeTestRole extends Construct {
  readonly role: iam.Role;

  constructor(scope: Construct, id: string, props: SmokeTestRoleProps) {
    super(scope, id);
    const { settings, trusted } = props;
    const role = this.role = new iam.Role(this, 'Role', {
      roleName: smokeTestRoleName(settings, Stack.of(this).region),
      description: `What a delivery of ${settings.name} may do here to try out what it deployed`,
      assumedBy: new iam.AccountPrincipal(trusted),
    });
    const statements = rights(this, props);
    statements.forEach((statement) => role.addToPolicy(statement));
    explain(role, statements, 'The stars stand for the names of objects and executions of the smoke test, of query results, for versions of a function, and for the id of this stack.');
  }
}

/** Roles are one list for all regions of an account. */
export function smokeTestRoleName({ name }: Settings, region: string): string {
  return `${name}-smoke-${region}`;
}

function rights(scope: Construct, { settings, buckets, catalog, functions, machines, net }: SmokeTestRoleProps): iam.PolicyStatement[] {
  const { raw, work, processed, results } = buckets;
  const { partition, region, account } = Stack.of(scope);
  const arn = (service: string, name: string) => `arn:${partition}:${service}:${region}:${account}:${name}`;
  const workflow = machines.workflow.stateMachineArn;
  const arns = STEPS.map((step) => functions[step].functionArn);
  return [
    // With a star: asked by its name, a stack is authorized under any id.
    allow(['cloudformation:DescribeStacks'], arn('cloudformation', `stack/${settings.name}/*`)),
    // Of versions and aliases too: Step Functions authorizes on the machine's own ARN.
    allow([
      'states:DescribeStateMachineAlias', 'states:UpdateStateMachineAlias', 'states:ListStateMachineVersions',
      'states:DeleteStateMachineVersion', 'states:ListExecutions',
    ], workflow),
    allow(['states:DescribeStateMachine'], workflow, net.stateMachineArn, machines.backfill.stateMachineArn),
    allow(['states:DescribeExecution'], executionsArn(scope, settings.name)),
    allow(['states:StopExecution'], executionsArn(scope, settings.name).replace(/\*$/, RECORDING)),
    allow(['lambda:InvokeFunction'], functions.start.functionArn),
    allow(['lambda:PublishVersion', 'lambda:ListVersionsByFunction'], ...arns),
    // A version, and not the function itself.
    allow(['lambda:DeleteFunction'], ...arns.map((function_) => `${function_}:*`)),

    allow(['s3:PutObject', 's3:GetObject', 's3:GetObjectVersion'], raw.arnForObjects(UPLOAD)),
    allow(['s3:ListBucketVersions'], raw.bucketArn, work.bucketArn, processed.bucketArn, results.bucketArn),
    // What it uploaded itself, also where uploads are locked.
    ...(settings.objectLockDays > 0 ? [allow(['s3:BypassGovernanceRetention'], raw.arnForObjects(UPLOAD))] : []),
    allow(['s3:DeleteObjectVersion'],
      raw.arnForObjects(UPLOAD), work.arnForObjects(RECORDING), results.arnForObjects('results/*'),
      ...TABLES.map((table) => processed.arnForObjects(`${table}/dt=*/${RECORDING}`))),

    allow(['athena:StartQueryExecution', 'athena:GetQueryExecution', 'athena:GetQueryResults'], arn('athena', `workgroup/${catalog.workgroupName}`)),
    allow(['glue:GetDatabase', 'glue:GetTable', 'glue:GetPartitions'],
      ...['catalog', `database/${catalog.databaseName}`, `table/${catalog.databaseName}/recordings`].map((name) => arn('glue', name))),
    allow(['s3:GetObject'], processed.arnForObjects('recordings/*')),
    allow(['s3:GetBucketLocation', 's3:ListBucket'], processed.bucketArn, results.bucketArn),
    allow(['s3:GetObject', 's3:PutObject', 's3:AbortMultipartUpload', 's3:ListMultipartUploadParts'], results.arnForObjects('results/*')),
  ];
}
