// A Slack channel that Amazon Q Developer in chat applications (once AWS Chatbot) posts to. The workspace is connected by
// hand, once per account: that needs somebody who is signed in to Slack.

import { LoggingLevel, SlackChannelConfiguration } from 'aws-cdk-lib/aws-chatbot';
import * as iam from 'aws-cdk-lib/aws-iam';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { acknowledge } from './explain.ts';

export interface SlackChannelProps {
  readonly workspaceId: string;
  /** A channel can be configured once per account. */
  readonly channelId: string;
  /** Name of the configuration, unique in the account. */
  readonly name: string;
  /** What is published here is posted. */
  readonly topics: ITopic[];
}

export class SlackChannel extends Construct {
  constructor(scope: Construct, id: string, { workspaceId, channelId, name, topics }: SlackChannelProps) {
    super(scope, id);
    const role = new iam.Role(this, 'Role', {
      assumedBy: new iam.ServicePrincipal('chatbot.amazonaws.com'),
      description: `What the Slack channel of ${name} may read`,
    });
    // The role's only rights and at once the limit on every role of the channel: without a limit it would be
    // AdministratorAccess. No log lines: they name uploads, and a graph needs none.
    const readOnly = new iam.ManagedPolicy(this, 'ReadAlarms', {
      description: 'Alarms and the metrics behind them, to draw their graphs',
      roles: [role],
      statements: [new iam.PolicyStatement({
        actions: [
          'cloudwatch:DescribeAlarms', 'cloudwatch:DescribeAlarmsForMetric', 'cloudwatch:DescribeAlarmHistory',
          'cloudwatch:GetMetricData', 'cloudwatch:GetMetricStatistics', 'cloudwatch:GetMetricWidgetImage', 'cloudwatch:ListMetrics',
        ],
        resources: ['*'],
      })],
    });
    acknowledge(readOnly, 'AwsSolutions-IAM5[Resource::*]', 'Metrics have no ARN: AWS lets them be read for every resource only.');
    new SlackChannelConfiguration(this, 'Configuration', {
      slackWorkspaceId: workspaceId,
      slackChannelId: channelId,
      slackChannelConfigurationName: name,
      notificationTopics: topics,
      role,
      guardrailPolicies: [readOnly],
      loggingLevel: LoggingLevel.ERROR,
    });
  }
}
