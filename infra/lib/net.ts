// The net under the workflow. A timeout or an abort of a whole execution reaches no Catch, and the failure branch can fail
// itself: EventBridge tells of every execution that did not succeed, and statemachine/net.asl.json does what is missing.

import { Duration } from 'aws-cdk-lib';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import type { Alerts } from './alerts.ts';
import type { Buckets } from './buckets.ts';
import { acknowledge } from './explain.ts';
import type { Settings } from './settings.ts';
import { allow, executionsArn, invoke, liveArn, standardMachine } from './state-machines.ts';
import type { Step } from './steps.ts';

export interface NetProps {
  readonly settings: Settings;
  readonly buckets: Buckets;
  readonly functions: Record<Step, lambda.Function>;
  readonly workflow: sfn.StateMachine;
  readonly alerts: Alerts;
}

export class Net extends Construct {
  readonly machine: sfn.StateMachine;
  /** Events that could not be handed to the machine. */
  readonly deadLetters: sqs.Queue;

  constructor(scope: Construct, id: string, { settings, buckets, functions, workflow, alerts }: NetProps) {
    super(scope, id);
    const { write, crawl, notify } = functions;
    this.machine = standardMachine(this, 'Machine', {
      settings,
      name: `${settings.name}-net`,
      file: 'net.asl.json',
      substitutions: {
        write: write.currentVersion.functionArn,
        crawl: crawl.currentVersion.functionArn,
        notify: notify.currentVersion.functionArn,
        processed_bucket: buckets.processed.bucketName,
        pipeline: liveArn(this, settings.name),
        topic: alerts.topic.topicArn,
      },
      rights: [
        invoke(write, crawl, notify),
        // What timed out while it waited for capacity goes on, or starts again.
        allow(['states:GetExecutionHistory', 'states:RedriveExecution'], executionsArn(this, settings.name)),
        allow(['states:StartExecution'], workflow.stateMachineArn),
        allow(['s3:ListBucket'], buckets.processed.bucketArn),
        ...alerts.publishing(),
      ],
    });
    this.deadLetters = new sqs.Queue(this, 'DeadLetters', {
      queueName: `${settings.name}-net-dead`,
      encryption: sqs.QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
    });
    acknowledge(this.deadLetters, 'AwsSolutions-SQS3', 'It is a dead-letter queue itself.');
    new events.Rule(this, 'Rule', {
      ruleName: `${settings.name}-not-succeeded`,
      description: 'Executions that did not succeed: the net records and tells what their failure branch could not',
      eventPattern: {
        source: ['aws.states'],
        detailType: ['Step Functions Execution Status Change'],
        detail: { stateMachineArn: [workflow.stateMachineArn], status: ['FAILED', 'TIMED_OUT', 'ABORTED'] },
      },
      targets: [new targets.SfnStateMachine(this.machine, {
        input: events.RuleTargetInput.fromEventPath('$.detail'),
        deadLetterQueue: this.deadLetters,
        // EventBridge's most: a burst of failures can wait for the quota of StartExecution as long as it has to.
        retryAttempts: 185,
        maxEventAge: Duration.hours(24),
      })],
    });
  }
}
