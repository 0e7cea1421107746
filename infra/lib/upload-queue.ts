// From an upload to a message: S3 tells a queue about each new recording. What `start` hands back for two days
// goes to the dead-letter queue and stays there for two weeks.

import { Duration, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type { CfnBucket, Bucket } from 'aws-cdk-lib/aws-s3';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import endings from '../../shared/core/suffixes.json' with { type: 'json' };
import type { Settings } from './settings.ts';
import { ENTRIES } from './steps.ts';

/** The endings of recordings. S3 compares exactly. A header file beside a recording (`.hea`) is no recording. */
const SUFFIXES = Object.keys(endings).flatMap((ending) => [ending, ending.toUpperCase()]);

/**
 * SQS's most, one every three minutes: two days. Where the account has no free concurrency, Lambda hands messages back unread,
 * and each time counts, so with few receives good uploads would be given up under load. A message that `start` cannot read is
 * told by the alarm `start-faults` at once.
 */
const MAX_RECEIVES = 1000;

export class UploadQueue extends Construct {
  readonly queue: sqs.Queue;
  readonly deadLetters: sqs.Queue;

  constructor(scope: Construct, id: string, settings: Settings, raw: Bucket) {
    super(scope, id);
    this.deadLetters = new sqs.Queue(this, 'DeadLetters', {
      queueName: `${settings.name}-uploads-dead`,
      encryption: sqs.QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
    });
    this.queue = new sqs.Queue(this, 'Queue', {
      queueName: `${settings.name}-uploads`,
      encryption: sqs.QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
      // Six times the function's: AWS's advice, since a throttled batch is tried again within the visibility timeout.
      visibilityTimeout: Duration.seconds(6 * ENTRIES.start.timeout_seconds),
      deadLetterQueue: { queue: this.deadLetters, maxReceiveCount: MAX_RECEIVES },
    });

    // The bucket's name is not known before the queue, so the account is what is checked here; `start` refuses
    // messages about any other bucket.
    const allowed = this.queue.addToResourcePolicy(new iam.PolicyStatement({
      principals: [new iam.ServicePrincipal('s3.amazonaws.com')],
      actions: ['sqs:SendMessage'],
      resources: [this.queue.queueArn],
      conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
    }));

    // Set on the bucket itself: CDK's addEventNotification would bring a function of its own with rights on all buckets.
    const bucket = raw.node.defaultChild as CfnBucket;
    bucket.notificationConfiguration = {
      queueConfigurations: SUFFIXES.map((suffix) => ({
        event: 's3:ObjectCreated:*',
        queue: this.queue.queueArn,
        filter: { s3Key: { rules: [{ name: 'suffix', value: suffix }] } },
      })),
    };
    // S3 tries the queue at once.
    if (allowed.policyDependable) {
      bucket.node.addDependency(allowed.policyDependable);
    }
  }
}
