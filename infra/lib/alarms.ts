// What somebody has to be told about. The description of an alarm says what it means and what to do: it is what stands in
// Slack. A single failed recording is no alarm: the workflow tells that itself.

import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as actions from 'aws-cdk-lib/aws-cloudwatch-actions';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import type { Alerts } from './alerts.ts';
import type { Compaction } from './compaction.ts';
import type { Forgetting } from './forgetting.ts';
import type { Net } from './net.ts';
import type { Settings } from './settings.ts';
import { ENTRIES, STEPS, type Step } from './steps.ts';
import type { UploadQueue } from './upload-queue.ts';

const PERIOD = Duration.minutes(5);
const FAILED = 'executions-failed';
/** In how much time each recording is promised to be done. */
const PROMISED = Duration.minutes(10);
/** From how much of its time limit on a function is near it. */
const NEAR_PERCENT = 80;

export interface AlarmsProps {
  readonly settings: Settings;
  readonly uploads: UploadQueue;
  readonly functions: Record<Step, lambda.Function>;
  readonly workflow: sfn.StateMachine;
  readonly net: Net;
  readonly compaction: Compaction | undefined;
  readonly forgetting: Forgetting | undefined;
  readonly alerts: Alerts;
}

interface Watched {
  /** Part of the alarm's name. */
  readonly name: string;
  readonly metric: cloudwatch.IMetric;
  /** The alarm goes off at this value. */
  readonly threshold: number;
  readonly means: string;
  /** A state that lasts, whose end is worth a message too. Counts are over after one period. */
  readonly lasts?: boolean;
  /** It goes off if in so many periods the metric never came to the threshold. */
  readonly silentPeriods?: number;
}

export class Alarms extends Construct {
  readonly all: cloudwatch.Alarm[];
  /** `executions-failed`. */
  readonly failed: cloudwatch.Alarm;

  constructor(scope: Construct, id: string, props: AlarmsProps) {
    super(scope, id);
    const action = new actions.SnsAction(props.alerts.topic);
    this.all = watched(props).map(({ name, metric, threshold, means, lasts, silentPeriods }) => {
      const alarm = new cloudwatch.Alarm(this, name, {
        alarmName: `${props.settings.name}-${name}`,
        alarmDescription: means,
        metric,
        threshold,
        // Nothing happens, nothing is counted.
        ...(silentPeriods
          ? {
            comparisonOperator: cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
            evaluationPeriods: silentPeriods,
            treatMissingData: cloudwatch.TreatMissingData.BREACHING,
          }
          : {
            comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            evaluationPeriods: 1,
            treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
          }),
      });
      alarm.addAlarmAction(action);
      if (lasts) {
        alarm.addOkAction(action);
      }
      return alarm;
    });
    this.failed = this.node.findChild(FAILED) as cloudwatch.Alarm;
  }
}

function watched({ settings, uploads, functions, workflow, net, compaction, forgetting }: AlarmsProps): Watched[] {
  // The command looks at `ecg-pipeline` where no other machine is named.
  const ecg = (command: string) => `ecg ${command} --aws --state-machine ${settings.name}`;
  return [
    {
      name: FAILED,
      metric: workflow.metricFailed({ period: Duration.minutes(15) }),
      threshold: settings.failedAlarm,
      means: `${settings.failedAlarm} or more recordings failed within 15 minutes: more than a bad file. `
        + `${ecg('runs --failed')} shows them; once the cause is gone, ${ecg('redrive --all')} runs them again. `
        + 'A deployment that is under way is taken back.',
    },
    {
      name: 'executions-timed-out',
      metric: workflow.metricTimedOut({ period: PERIOD }),
      threshold: 1,
      means: `A recording waited for capacity for 12 hours, the limit of an execution. Nothing is lost and nothing is to be started: ${settings.name}-net goes on with it. `
        + 'But the quotas are too small for what comes in: infra/README.md says which there are and how to ask for more.',
    },
    {
      name: 'recordings-slow',
      metric: workflow.metricTime({ period: PERIOD, statistic: cloudwatch.Stats.MAXIMUM }),
      threshold: PROMISED.toMilliseconds(),
      means: `A recording took more than ${PROMISED.toMinutes()} minutes, which is longer than promised. It is done. Where functions-throttled is on as well, it waited for capacity; `
        + `else ${ecg('runs')} shows how long each took, and "the slowest invocations" in Logs Insights which step was slow.`,
    },
    {
      name: 'executions-aborted',
      metric: workflow.metricAborted({ period: PERIOD }),
      threshold: 1,
      means: `Somebody stopped executions. The net has recorded them; ${ecg('redrive --all')} goes on with them.`,
    },
    {
      name: 'net-failed',
      // Its own end in time is not certain either.
      metric: sum([
        net.machine.metricFailed({ period: PERIOD }), net.machine.metricTimedOut({ period: PERIOD }), net.machine.metricAborted({ period: PERIOD }),
      ], 'did not succeed'),
      threshold: 1,
      means: `A failed recording could be neither recorded nor told. Look at the executions of ${settings.name}-net in the console; once the cause is gone, "New execution" there runs one again with the same input.`,
    },
    ...[
      ['upload-dead-letters', uploads.deadLetters, `${settings.name}-uploads-dead`, 'Events of uploads that start handed back for two days, because it could not read them or could not start their executions,'] as const,
      ['net-dead-letters', net.deadLetters, `${settings.name}-net-dead`, 'Events of failed executions that could not be handed to the net'] as const,
    ].map(([name, queue, queueName, what]) => ({
      name,
      metric: visible(queue),
      threshold: 1,
      lasts: true,
      means: `${what} wait in the queue ${queueName}, for two weeks. infra/README.md says how to look at them and replay them.`,
    })),
    {
      name: 'uploads-wait',
      metric: uploads.queue.metricApproximateAgeOfOldestMessage({ period: PERIOD, statistic: cloudwatch.Stats.MAXIMUM }),
      threshold: Duration.minutes(5).toSeconds(),
      lasts: true,
      means: 'Uploads wait for more than 5 minutes before anything begins; each is promised to be done within 10. Are start or Step Functions throttled? Nothing is lost; raise startConcurrency or the quota. Or start cannot read one of them: then start-faults is on.',
    },
    {
      name: 'start-failed',
      metric: functions.start.metricErrors({ period: PERIOD }),
      threshold: 1,
      means: `The function start failed as a whole; its messages come again. Its log: /aws/lambda/${settings.name}-start.`,
    },
    {
      name: 'start-faults',
      metric: startMetric(settings, 'Faults', PERIOD),
      threshold: 1,
      means: `The function start cannot read a message about an upload. It comes again every three minutes and reaches ${settings.name}-uploads-dead after two days. `
        + `The log says what is wrong with it: /aws/lambda/${settings.name}-start.`,
    },
    {
      name: 'notify-failed',
      metric: functions.notify.metricErrors({ period: PERIOD }),
      threshold: 1,
      means: 'A failure could not be told in Slack. Is the secret right, is the channel there? '
        + `Its log says what Slack answered: /aws/lambda/${settings.name}-notify.`,
    },
    {
      name: 'functions-throttled',
      metric: sum(STEPS.map((step) => functions[step].metricThrottles({ period: PERIOD })), 'Throttles'),
      threshold: 1,
      means: 'Lambda refused invocations: the account has no free concurrency. Executions wait and none is rejected, but recordings take longer. Ask for a higher quota, or lower what else runs.',
    },
    {
      name: 'functions-near-limit',
      metric: nearest(functions),
      threshold: NEAR_PERCENT,
      means: `A function took more than ${NEAR_PERCENT} % of its time limit; one that takes all of it is stopped, and the recording fails. `
        + `"The slowest invocations" in Logs Insights shows which one and with which file. Raise timeout_seconds or memory_mb in functions/steps.json, or cut such recordings.`,
    },
    ...(compaction ? [{
      name: 'compaction-failed',
      metric: sum([
        compaction.machine.metricFailed({ period: PERIOD }), compaction.machine.metricTimedOut({ period: PERIOD }),
      ], 'did not succeed'),
      threshold: 1,
      means: `Days were not compacted. Tables and queries are right, and get slower until it succeeds; the next hour tries again. The execution of ${compaction.machine.stateMachineName} says which days and why.`,
    }] : []),
    ...(forgetting ? [{
      name: 'erasure-failed',
      metric: sum([
        forgetting.machine.metricFailed({ period: PERIOD }), forgetting.machine.metricTimedOut({ period: PERIOD }),
      ], 'did not succeed'),
      threshold: 1,
      means: `An erasure did not end, and something of the recordings is still there. The execution of ${forgetting.machine.stateMachineName} says why; `
        + 'the same `ecg forget --aws ... --yes` does the rest.',
    }] : []),
    ...(settings.quietHours > 0 ? [{
      name: 'uploads-quiet',
      metric: startMetric(settings, 'Files', Duration.hours(1)),
      threshold: 1,
      silentPeriods: settings.quietHours,
      lasts: true,
      means: `No upload was started for ${settings.quietHours} hours. Do the devices still upload, with rights that are still valid? `
        + `Where uploads-wait or start-failed is on too, the fault is behind the bucket: /aws/lambda/${settings.name}-start.`,
    }] : []),
    {
      name: 'executions-throttled',
      metric: workflow.metricThrottled({ period: PERIOD }),
      threshold: 1,
      means: 'Step Functions slows executions down: the quota of state transitions is used up. They wait and go on by themselves; none is rejected.',
    },
  ];
}

function visible(queue: sqs.Queue): cloudwatch.Metric {
  return queue.metricApproximateNumberOfMessagesVisible({ period: PERIOD, statistic: cloudwatch.Stats.MAXIMUM });
}

/** A count that the function start writes into its log (functions/README.md). */
function startMetric({ name }: Settings, metricName: string, period: Duration): cloudwatch.Metric {
  return new cloudwatch.Metric({ namespace: name, metricName, dimensionsMap: { step: 'start' }, statistic: cloudwatch.Stats.SUM, period });
}

/**
 * The longest invocation of any function, in percent of its time limit. One alarm over all functions costs what an alarm for each would
 * cost, since each metric in it is counted, but it is one message.
 */
function nearest(functions: Record<Step, lambda.Function>): cloudwatch.MathExpression {
  const parts = STEPS.map((step, at) => `FILL(m${at}, 0) / ${ENTRIES[step].timeout_seconds * 10}`);
  return new cloudwatch.MathExpression({
    expression: `MAX([${parts.join(', ')}])`,
    usingMetrics: Object.fromEntries(STEPS.map((step, at) =>
      [`m${at}`, functions[step].metricDuration({ period: PERIOD, statistic: cloudwatch.Stats.MAXIMUM })])),
    label: 'percent of the time limit', period: PERIOD,
  });
}

function sum(metrics: cloudwatch.Metric[], label: string): cloudwatch.MathExpression {
  const named = Object.fromEntries(metrics.map((metric, at) => [`m${at}`, metric]));
  return new cloudwatch.MathExpression({
    // A function that nobody called counts nothing at all, and nothing plus one is nothing.
    expression: Object.keys(named).map((id) => `FILL(${id}, 0)`).join(' + '),
    usingMetrics: named, label, period: PERIOD,
  });
}
