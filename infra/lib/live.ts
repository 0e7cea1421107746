// Which version of the workflow new executions take. A deployment publishes a version and moves the alias to it, first for
// a tenth of the executions; those that run already keep the version that they began with.

import { CfnDeletionPolicy } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import type { Settings } from './settings.ts';
import { ALIAS } from './state-machines.ts';

/** Enough to find what fails always, and nine of ten recordings are not touched by it. */
const CANARY_PERCENT = 10;

export interface LiveProps {
  readonly settings: Settings;
  readonly workflow: sfn.StateMachine;
  /** Takes a deployment back when it goes off. */
  readonly rollbackAlarm: cloudwatch.Alarm;
}

export class Live extends Construct {
  readonly version: sfn.CfnStateMachineVersion;
  readonly alias: sfn.CfnStateMachineAlias;

  constructor(scope: Construct, id: string, { settings, workflow, rollbackAlarm }: LiveProps) {
    super(scope, id);
    const machine = workflow.node.defaultChild as sfn.CfnStateMachine;
    this.version = new sfn.CfnStateMachineVersion(this, 'Version', {
      stateMachineArn: machine.ref,
      // A version cannot be changed: another revision is a new version, and CloudFormation would remove the one before.
      stateMachineRevisionId: machine.attrStateMachineRevisionId,
    });
    this.version.cfnOptions.deletionPolicy = CfnDeletionPolicy.RETAIN;
    this.version.cfnOptions.updateReplacePolicy = CfnDeletionPolicy.RETAIN;
    this.alias = new sfn.CfnStateMachineAlias(this, 'Alias', {
      name: ALIAS,
      description: 'The version that new executions take',
      deploymentPreference: {
        stateMachineVersionArn: this.version.ref,
        ...(settings.canaryMinutes > 0
          ? {
            type: 'CANARY',
            percentage: CANARY_PERCENT,
            interval: settings.canaryMinutes,
            // By name: an ARN would count as an alarm that does not exist and is never on.
            alarms: [rollbackAlarm.alarmName],
          }
          : { type: 'ALL_AT_ONCE' }),
      },
    });
  }
}
