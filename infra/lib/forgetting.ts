// Erasure: statemachine/forget.asl.json, which `ecg forget --aws` starts. What is erased, and what stays where, is in
// docs/adr/0027-erasure.md.

import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import type { Settings } from './settings.ts';
import { invoke, standardMachine } from './state-machines.ts';
import type { Step } from './steps.ts';

export interface ForgettingProps {
  readonly settings: Settings;
  readonly functions: Record<Step, lambda.Function>;
}

export class Forgetting extends Construct {
  readonly machine: sfn.StateMachine;

  constructor(scope: Construct, id: string, { settings, functions: { forget } }: ForgettingProps) {
    super(scope, id);
    this.machine = standardMachine(this, 'Machine', {
      settings,
      name: `${settings.name}-forget`,
      file: 'forget.asl.json',
      substitutions: { forget: forget.currentVersion.functionArn },
      rights: [invoke(forget)],
    });
  }
}
