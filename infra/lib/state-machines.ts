// The workflow and its backfill, from their files as they are: only the names in `${…}` are filled in.

import { readFileSync } from 'node:fs';
import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import type { Buckets } from './buckets.ts';
import { acknowledge, explain } from './explain.ts';
import type { Settings } from './settings.ts';
import { WORKFLOW_STEPS, type Step } from './steps.ts';

/** The label of the Map state in the file: part of the names of its runs. */
const BACKFILL_LABEL = 'objects';

export interface StateMachinesProps {
  readonly settings: Settings;
  readonly buckets: Buckets;
  readonly functions: Record<Step, lambda.Function>;
}

export class StateMachines extends Construct {
  readonly workflow: sfn.StateMachine;
  readonly backfill: sfn.StateMachine;

  constructor(scope: Construct, id: string, props: StateMachinesProps) {
    super(scope, id);
    const { settings, functions, buckets } = props;

    const steps = WORKFLOW_STEPS.map((step) => functions[step]);
    this.workflow = standardMachine(this, 'Workflow', {
      settings,
      name: settings.name,
      file: 'ecg-pipeline.asl.json',
      substitutions: Object.fromEntries(WORKFLOW_STEPS.map((step) => [step, functions[step].currentVersion.functionArn])),
      rights: [invoke(...steps)],
    });
    this.backfill = standardMachine(this, 'Backfill', {
      settings,
      name: `${settings.name}-backfill`,
      file: 'backfill.asl.json',
      substitutions: {
        start: functions.start.currentVersion.functionArn,
        pipeline: liveArn(this, settings.name),
        raw_bucket: buckets.raw.bucketName,
        work_bucket: buckets.work.bucketName,
      },
      rights: this.backfillRights(props),
    });
    // cfn-lint's schema does not know yet that the limits of a Map may be JSONata. asl-validator reads the file in tests/all.sh.
    (this.backfill.node.defaultChild as sfn.CfnStateMachine).addMetadata('cfn-lint', { config: { ignore_checks: ['E3601'] } });
  }

  /** A Distributed Map runs its items as executions of its own machine, and each of these waits for one of the workflow. */
  private backfillRights({ settings, buckets, functions }: StateMachinesProps): iam.PolicyStatement[] {
    const pipeline = settings.name;
    const backfill = `${settings.name}-backfill`;
    return [
      allow(['states:StartExecution'], this.workflow.stateMachineArn, statesArn(this, 'stateMachine', backfill)),
      allow(['states:DescribeExecution', 'states:StopExecution'],
        executionsArn(this, pipeline), executionsArn(this, backfill), executionsArn(this, `${backfill}/${BACKFILL_LABEL}`)),
      allow(['states:RedriveExecution'], executionsArn(this, `${backfill}/${BACKFILL_LABEL}`)),
      allow(['events:PutTargets', 'events:PutRule', 'events:DescribeRule'],
        Stack.of(this).formatArn({
          service: 'events', resource: 'rule', resourceName: 'StepFunctionsGetEventsForStepFunctionsExecutionRule',
        })),
      invoke(functions.start),
      // Of work: what was passed over as archived is counted.
      allow(['s3:ListBucket'], buckets.raw.bucketArn, buckets.work.bucketArn),
      allow(['s3:GetObject'], buckets.raw.arnForObjects('*')),
      allow(['s3:PutObject', 's3:GetObject', 's3:AbortMultipartUpload', 's3:ListMultipartUploadParts'],
        buckets.work.arnForObjects('backfill/*')),
    ];
  }
}

export interface MachineProps {
  readonly settings: Settings;
  readonly name: string;
  /** In statemachine/. */
  readonly file: string;
  /** What each `${…}` in the file stands for. */
  readonly substitutions: Record<string, string>;
  readonly rights: iam.PolicyStatement[];
}

/** A Standard machine from a file in statemachine/, traced, with everything it does in a log group. */
export function standardMachine(
  scope: Construct, id: string, { settings, name, file, substitutions, rights }: MachineProps,
): sfn.StateMachine {
  const logGroup = new logs.LogGroup(scope, `${id}Logs`, {
    logGroupName: machineLogName(name),
    retention: settings.logDays as logs.RetentionDays,
    removalPolicy: RemovalPolicy.DESTROY,
  });
  const machine = new sfn.StateMachine(scope, id, {
    stateMachineName: name,
    stateMachineType: sfn.StateMachineType.STANDARD,
    definitionBody: sfn.DefinitionBody.fromString(workflowFile(file)),
    definitionSubstitutions: substitutions,
    tracingEnabled: true,
    logs: { destination: logGroup, level: sfn.LogLevel[settings.executionLog], includeExecutionData: true },
  });
  rights.forEach((statement) => machine.addToRolePolicy(statement));
  explain(machine.role, rights, 'The stars stand for the names of executions and of objects, and for the versions of a function.');
  acknowledge(machine.role, 'AwsSolutions-IAM5[Resource::*]',
    'Step Functions delivers logs and X-Ray takes traces under rights that AWS gives for every resource only.');
  return machine;
}

/** Log group of a state machine. Under this prefix it does not fill up the account's resource policy for log delivery. */
export function machineLogName(machine: string): string {
  return `/aws/vendedlogs/states/${machine}`;
}

/** The text of a file in statemachine/. */
export function workflowFile(name: string): string {
  return readFileSync(new URL(`../../statemachine/${name}`, import.meta.url), 'utf8');
}

/** ARN of a state machine of this name, which need not exist yet. */
export function stateMachineArn(scope: Construct, name: string): string {
  return statesArn(scope, 'stateMachine', name);
}

/** The alias through which executions of the workflow are started. */
export const ALIAS = 'live';

/** ARN of the alias of a state machine of this name, neither of which need exist yet. */
export function liveArn(scope: Construct, name: string): string {
  return `${stateMachineArn(scope, name)}:${ALIAS}`;
}

/** ARN pattern of the executions of a state machine of this name. */
export function executionsArn(scope: Construct, name: string): string {
  return statesArn(scope, 'execution', `${name}:*`);
}

function statesArn(scope: Construct, resource: string, name: string): string {
  const { partition, region, account } = Stack.of(scope);
  return `arn:${partition}:states:${region}:${account}:${resource}:${name}`;
}

/** Every version: an execution that began before a deployment calls the versions of that time. */
export function invoke(...functions: lambda.Function[]): iam.PolicyStatement {
  return allow(['lambda:InvokeFunction'], ...functions.flatMap(({ functionArn }) => [functionArn, `${functionArn}:*`]));
}

export function allow(actions: string[], ...resources: string[]): iam.PolicyStatement {
  return new iam.PolicyStatement({ actions, resources });
}
