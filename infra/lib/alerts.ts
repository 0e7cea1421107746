// Where alarms go: one topic, and from there to Slack if a channel is configured. Whoever wants e-mail as well subscribes
// an address to the topic.

import { Annotations, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as sns from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import type { Settings } from './settings.ts';
import { SlackChannel } from './slack-channel.ts';

export class Alerts extends Construct {
  readonly topic: sns.Topic;
  private readonly key: kms.Key;

  constructor(scope: Construct, id: string, settings: Settings, customerKey?: kms.Key) {
    super(scope, id);
    // A key of our own, because alarms may not use the one that AWS keeps for SNS.
    this.key = customerKey ?? new kms.Key(this, 'Key', {
      description: `What ${settings.name} tells its operators`,
      enableKeyRotation: true,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.topic = new sns.Topic(this, 'Topic', {
      topicName: `${settings.name}-alerts`,
      displayName: 'ECG pipeline',
      masterKey: this.key,
      enforceSSL: true,
    });
    this.letIn('cloudwatch.amazonaws.com');
    if (settings.slackChannelId !== '') {
      new SlackChannel(this, 'Slack', {
        workspaceId: settings.slackWorkspaceId,
        channelId: settings.slackChannelId,
        name: `${settings.name}-alerts`,
        topics: [this.topic],
      });
    } else {
      Annotations.of(this).addInfo(
        'Alarms go to an SNS topic that nobody listens to: slackWorkspaceId and slackChannelId in settings.json lead them to Slack, '
        + 'or subscribe an address to the topic (infra/README.md).');
    }
  }

  /** Lets a service of AWS publish, for this account. */
  letIn(service: string): void {
    const principals = [new iam.ServicePrincipal(service)];
    this.topic.addToResourcePolicy(new iam.PolicyStatement({
      principals,
      actions: ['sns:Publish'],
      resources: [this.topic.topicArn],
      conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
    }));
    // Without that condition: AWS does not say that alarms tell KMS for whom they ask, and a message that is refused here is
    // gone without a trace. Who may publish is limited above.
    this.key.addToResourcePolicy(new iam.PolicyStatement({ principals, actions: ['kms:Decrypt', 'kms:GenerateDataKey'], resources: ['*'] }));
  }

  /** What a role needs in order to publish. */
  publishing(): iam.PolicyStatement[] {
    return [
      new iam.PolicyStatement({ actions: ['sns:Publish'], resources: [this.topic.topicArn] }),
      new iam.PolicyStatement({ actions: ['kms:Decrypt', 'kms:GenerateDataKey'], resources: [this.key.keyArn] }),
    ];
  }
}
