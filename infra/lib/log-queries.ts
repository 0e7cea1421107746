// Saved queries of CloudWatch Logs Insights. `RECORDING_ID` in the first is what one replaces before running it.

import type * as logs from 'aws-cdk-lib/aws-logs';
import { CfnQueryDefinition } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { Settings } from './settings.ts';
import { machineLogName } from './state-machines.ts';
import { STEPS, type Step } from './steps.ts';

interface Query {
  readonly title: string;
  /** In the functions' logs only, or in those of the state machines as well. */
  readonly machines: boolean;
  readonly text: string;
}

/**
 * The fields are those of functions/README.md ("Logs and metrics"), and in the state machines' logs `type`,
 * `execution_arn` and `details`.
 */
const QUERIES: readonly Query[] = [
  {
    title: 'what happened to this recording',
    machines: true,
    text: `
# Replace RECORDING_ID by the id in the message in Slack, or by a part of it.
fields @timestamp, coalesce(span.step, step, type) as what, coalesce(message, details.name) as said,
  coalesce(error, details.error) as error, coalesce(cause, details.cause) as cause, duration_ms
| filter @message like /RECORDING_ID/
| sort @timestamp asc
| limit 1000`,
  },
  {
    title: 'failures by step and error',
    machines: false,
    text: `
fields @timestamp, span.step as step, error, cause, span.recording_id as recording_id
| filter message = "failed"
| stats count(*) as failures, latest(cause) as example, latest(recording_id) as example_id by step, error
| sort failures desc`,
  },
  {
    title: 'the slowest invocations',
    machines: false,
    text: `
fields @timestamp, span.step as step, span.recording_id as recording_id, duration_ms, source_bytes
| filter message in ["done", "failed"]
| sort duration_ms desc
| limit 50`,
  },
  {
    title: 'memory and time that functions are billed for',
    machines: false,
    text: `
filter @type = "REPORT"
| stats count(*) as invocations, avg(@billedDuration) as mean_billed_ms, pct(@duration, 99) as p99_ms,
    max(@maxMemoryUsed) / 1000000 as peak_mb, max(@memorySize) / 1000000 as size_mb by @log
| sort mean_billed_ms desc`,
  },
];

export class LogQueries extends Construct {
  constructor(scope: Construct, id: string, settings: Settings, logGroups: Record<Step, logs.LogGroup>) {
    super(scope, id);
    const functions = STEPS.map((step) => logGroups[step].logGroupName);
    const machines = [settings.name, `${settings.name}-net`].map(machineLogName);
    QUERIES.forEach(({ title, machines: both, text }, at) => new CfnQueryDefinition(this, `Query${at + 1}`, {
      name: `${settings.name}/${title}`,
      logGroupNames: [...functions, ...(both ? machines : [])],
      queryString: text.trim(),
    }));
  }
}
