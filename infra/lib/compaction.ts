// Compaction: statemachine/compact.asl.json once an hour, for every closed day that needs something. What it does, and why a query
// never notices, is in docs/adr/0025-compaction.md.

import { Duration } from 'aws-cdk-lib';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import type { Settings } from './settings.ts';
import { invoke, standardMachine } from './state-machines.ts';
import type { Step } from './steps.ts';

export interface CompactionProps {
  readonly settings: Settings;
  readonly functions: Record<Step, lambda.Function>;
}

export class Compaction extends Construct {
  readonly machine: sfn.StateMachine;

  constructor(scope: Construct, id: string, { settings, functions: { compact } }: CompactionProps) {
    super(scope, id);
    this.machine = standardMachine(this, 'Machine', {
      settings,
      name: `${settings.name}-compact`,
      file: 'compact.asl.json',
      substitutions: { compact: compact.currentVersion.functionArn },
      rights: [invoke(compact)],
    });
    new events.Rule(this, 'Rule', {
      ruleName: `${settings.name}-compact`,
      description: 'Once an hour: closed days whose recordings are many small objects become few large ones',
      schedule: events.Schedule.rate(Duration.hours(1)),
      targets: [new targets.SfnStateMachine(this.machine, {
        input: events.RuleTargetInput.fromObject({ after_hours: settings.compactAfterHours }),
        // What an hour misses, the next one does.
        retryAttempts: 2,
        maxEventAge: Duration.minutes(30),
      })],
    });
  }
}
