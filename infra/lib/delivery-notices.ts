// Who is told what becomes of a commit: a topic, and where it is set up a Slack channel.

import { Annotations } from 'aws-cdk-lib';
import { PipelineNotificationEvents, type Pipeline } from 'aws-cdk-lib/aws-codepipeline';
import type { Key } from 'aws-cdk-lib/aws-kms';
import * as sns from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import type { Settings } from './settings.ts';
import { SlackChannel } from './slack-channel.ts';

export interface DeliveryNoticesProps {
  readonly settings: Settings;
  readonly pipeline: Pipeline;
  readonly key: Key;
}

export class DeliveryNotices extends Construct {
  readonly topic: sns.Topic;

  constructor(scope: Construct, id: string, { settings, pipeline, key }: DeliveryNoticesProps) {
    super(scope, id);
    const name = `${settings.name}-delivery`;
    // AWS's own key for SNS lets no other service publish. That this one may is said by `notifyOn`.
    this.topic = new sns.Topic(this, 'Topic', { displayName: `Deliveries of ${settings.name}`, masterKey: key, enforceSSL: true });
    pipeline.notifyOn('Rule', this.topic, {
      notificationRuleName: name,
      events: [
        PipelineNotificationEvents.PIPELINE_EXECUTION_FAILED,
        PipelineNotificationEvents.PIPELINE_EXECUTION_SUCCEEDED,
        PipelineNotificationEvents.MANUAL_APPROVAL_NEEDED,
      ],
    });
    if (settings.deliverySlackChannelId === '') {
      Annotations.of(this).addInfo(
        'Nobody is told when a delivery fails or waits for approval: set slackWorkspaceId and deliverySlackChannelId in settings.json.');
      return;
    }
    new SlackChannel(this, 'Slack', {
      workspaceId: settings.slackWorkspaceId, channelId: settings.deliverySlackChannelId, name, topics: [this.topic],
    });
  }
}
