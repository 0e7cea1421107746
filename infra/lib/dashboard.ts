// One page that says whether all is well, read from the top: alarms, what came in and how it ended, where it waits, how long
// each step takes, what the functions meet.

import { Duration, Stack } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as logs from 'aws-cdk-lib/aws-logs';
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import type { Settings } from './settings.ts';
import { STEPS, WORKFLOW_STEPS, type Step } from './steps.ts';
import type { UploadQueue } from './upload-queue.ts';

export interface DashboardProps {
  readonly settings: Settings;
  readonly alarms: cloudwatch.Alarm[];
  readonly uploads: UploadQueue;
  readonly functions: Record<Step, lambda.Function>;
  readonly logGroups: Record<Step, logs.LogGroup>;
  readonly workflow: sfn.StateMachine;
}

const PERIOD = Duration.minutes(5);
/** Columns of a dashboard. */
const FULL = 24;
const HALF = 12;
const THIRD = 8;

export class Dashboard extends Construct {
  constructor(scope: Construct, id: string, props: DashboardProps) {
    super(scope, id);
    const { settings, alarms, uploads, functions, logGroups, workflow } = props;
    const { region } = Stack.of(this);
    const console = `https://${region}.console.aws.amazon.com`;

    const dashboard = new cloudwatch.Dashboard(this, 'Dashboard', {
      dashboardName: settings.name,
      defaultInterval: Duration.days(1),
    });
    dashboard.addWidgets(new cloudwatch.TextWidget({
      width: FULL,
      height: 2,
      markdown: `# ${settings.name}\n`
        + `An upload is an execution: [all executions](${console}/states/home?region=${region}#/statemachines/view/${workflow.stateMachineArn}). `
        + `What went wrong with one: \`ecg show ID --aws --state-machine ${settings.name}\`. Again: \`ecg redrive\` with the same. `
        + `Saved queries "${settings.name}/…" in [Logs Insights](${console}/cloudwatch/home?region=${region}#logsV2:logs-insights) tell what happened to a recording.`,
    }));
    dashboard.addWidgets(new cloudwatch.AlarmStatusWidget({ width: FULL, height: 3, title: 'Is all well?', alarms }));
    dashboard.addWidgets(
      graph('Recordings: how they ended', THIRD, [
        workflow.metricSucceeded({ label: 'succeeded', color: cloudwatch.Color.GREEN, period: PERIOD }),
        workflow.metricFailed({ label: 'failed', color: cloudwatch.Color.RED, period: PERIOD }),
        workflow.metricTimedOut({ label: 'timed out', color: cloudwatch.Color.ORANGE, period: PERIOD }),
        workflow.metricAborted({ label: 'aborted', color: cloudwatch.Color.GREY, period: PERIOD }),
      ]),
      graph('Uploads that were started', THIRD, [embedded(settings.name, 'Files', 'start', 'Sum', 'files')], [embedded(settings.name, 'Bytes', 'start', 'Sum', 'bytes')]),
      graph('Waiting in front of it', THIRD, [
        uploads.queue.metricApproximateNumberOfMessagesVisible({ label: 'uploads that wait', statistic: 'Maximum', period: PERIOD }),
        uploads.deadLetters.metricApproximateNumberOfMessagesVisible({
          label: 'dead letters', color: cloudwatch.Color.RED, statistic: 'Maximum', period: PERIOD,
        }),
        embedded(settings.name, 'Faults', 'start', 'Sum', 'messages that start cannot read'),
      ], [
        uploads.queue.metricApproximateAgeOfOldestMessage({ label: 'oldest, seconds', statistic: 'Maximum', period: PERIOD }),
      ]),
    );
    dashboard.addWidgets(
      graph('From start to end of an execution, ms (promised: 600,000)', THIRD, [
        workflow.metricTime({ label: 'median', statistic: 'p50', period: PERIOD }),
        workflow.metricTime({ label: 'slowest of 100', statistic: 'p99', period: PERIOD }),
        workflow.metricTime({ label: 'slowest', statistic: 'Maximum', period: PERIOD }),
      ]),
      graph('Each step, slowest of 20, ms', THIRD, STEPS.map((step) => embedded(settings.name, 'Latency', step, 'p95', step))),
      graph('Share of recordings that are rejected', THIRD, [embedded(settings.name, 'Rejects', 'validate', 'Average', 'rejected')], [
        embedded(settings.name, 'Beats', 'transform', 'Sum', 'beats found'),
      ]),
    );
    dashboard.addWidgets(
      graph('Functions: errors, rejected recordings included', THIRD, STEPS.map((step) => functions[step].metricErrors({ label: step, period: PERIOD }))),
      graph('Functions: refused for want of concurrency', THIRD,
        STEPS.map((step) => functions[step].metricThrottles({ label: step, period: PERIOD }))),
      graph('Functions: at work at the same time', THIRD, STEPS.map((step) => functions[step].metric('ConcurrentExecutions', {
        label: step, statistic: 'Maximum', period: PERIOD,
      }))),
    );
    const failures = (title: string, queryLines: string[]) => new cloudwatch.LogQueryWidget({
      title,
      width: HALF,
      height: 8,
      view: cloudwatch.LogQueryVisualizationType.TABLE,
      logGroupNames: WORKFLOW_STEPS.map((step) => logGroups[step].logGroupName),
      queryLines,
    });
    dashboard.addWidgets(
      failures('The last failures', [
        'fields @timestamp, span.step as step, error, cause, span.recording_id as recording_id',
        'filter message = "failed"', 'sort @timestamp desc', 'limit 20',
      ]),
      failures('Failures by step and error', [
        'fields span.step as step', 'filter message = "failed"', 'stats count(*) as failures by step, error', 'sort failures desc',
      ]),
    );
  }
}

function graph(title: string, width: number, left: cloudwatch.IMetric[], right: cloudwatch.IMetric[] = []): cloudwatch.GraphWidget {
  return new cloudwatch.GraphWidget({ title, width, height: 6, left, right, leftYAxis: { min: 0 }, rightYAxis: { min: 0 } });
}

/** A metric that the functions write into their logs (functions/README.md). */
function embedded(namespace: string, metricName: string, step: Step, statistic: string, label: string): cloudwatch.Metric {
  return new cloudwatch.Metric({ namespace, metricName, dimensionsMap: { step }, statistic, label, period: PERIOD });
}
