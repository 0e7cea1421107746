// One KMS key of this account for all that is kept: buckets, queues, the topic, the secret, logs, answers of queries. Who may use the
// account's data can then be seen and stopped in one place.

import { Aws, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { CfnWorkGroup } from 'aws-cdk-lib/aws-athena';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import { CfnLogGroup } from 'aws-cdk-lib/aws-logs';
import { CfnBucket } from 'aws-cdk-lib/aws-s3';
import { CfnSecret } from 'aws-cdk-lib/aws-secretsmanager';
import { CfnQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { Buckets } from './buckets.ts';
import type { Settings } from './settings.ts';
import { allow } from './state-machines.ts';
import type { Rights } from './steps.ts';

export const TO_READ = ['kms:Decrypt'];
/** An upload in parts reads them again. */
export const TO_WRITE = ['kms:Decrypt', 'kms:GenerateDataKey'];

export class CustomerKey extends Construct {
  readonly key: kms.Key;

  constructor(scope: Construct, id: string, { name }: Settings) {
    super(scope, id);
    this.key = new kms.Key(this, 'Key', {
      description: `What ${name} keeps`,
      enableKeyRotation: true,
      // Without it nothing that is kept could be read again.
      removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    });
    // S3 announces uploads to the queue, EventBridge puts what failed into the net's dead letters. Without a condition, as AWS
    // documents it: an event that is refused here is gone. Who may send to a queue is limited in the policy of the queue.
    this.letIn(['s3.amazonaws.com', 'events.amazonaws.com'], TO_WRITE);
    this.letIn([`logs.${Aws.REGION}.amazonaws.com`],
      ['kms:Encrypt', 'kms:Decrypt', 'kms:ReEncryptFrom', 'kms:ReEncryptTo', 'kms:GenerateDataKey', 'kms:GenerateDataKeyWithoutPlaintext', 'kms:DescribeKey'], {
        ArnLike: {
          'kms:EncryptionContext:aws:logs:arn': ['aws/lambda', 'aws/vendedlogs/states'].map((group) =>
            `arn:${Aws.PARTITION}:logs:${Aws.REGION}:${Aws.ACCOUNT_ID}:log-group:/${group}/${name}*`),
        },
      });
  }

  /** Lets services of AWS use it. */
  letIn(services: string[], actions: string[], conditions: Record<string, unknown> = {}): void {
    this.key.addToResourcePolicy(new iam.PolicyStatement({
      principals: services.map((service) => new iam.ServicePrincipal(service)), actions, resources: ['*'], conditions,
    }));
  }

  /** Lets a role use it for what its rights in functions/steps.json need it for. */
  grant(role: iam.IRole, actions: string[]): void {
    if (actions.length > 0) {
      role.addToPrincipalPolicy(allow(actions, this.key.keyArn));
    }
  }

  /**
   * Encrypts what is in the stack, whoever made it. Not the access logs: S3 delivers them to buckets with keys of its own only. The
   * topic is given the key where it is made, since its policy has to be in the key.
   */
  encrypt(stack: Stack, { accessLogs }: Buckets): void {
    const arn = this.key.keyArn;
    for (const made of stack.node.findAll()) {
      if (made instanceof CfnBucket && made !== accessLogs.node.defaultChild) {
        made.bucketEncryption = {
          serverSideEncryptionConfiguration: [{
            serverSideEncryptionByDefault: { sseAlgorithm: 'aws:kms', kmsMasterKeyId: arn },
            // One request to KMS for many objects, in place of one for each.
            bucketKeyEnabled: true,
          }],
        };
      } else if (made instanceof CfnQueue) {
        made.kmsMasterKeyId = arn;
        made.sqsManagedSseEnabled = undefined;
      } else if (made instanceof CfnLogGroup || made instanceof CfnSecret) {
        made.kmsKeyId = arn;
      } else if (made instanceof CfnWorkGroup) {
        made.addPropertyOverride('WorkGroupConfiguration.ResultConfiguration.EncryptionConfiguration',
          { EncryptionOption: 'SSE_KMS', KmsKey: stack.resolve(arn) });
      }
    }
  }
}

/** What rights on buckets, queue and secret need of the key. */
export function keyActions(rights: Rights): string[] {
  const actions = Object.values(rights).flat();
  if (actions.some((action) => action === 's3:PutObject')) {
    return TO_WRITE;
  }
  const reads = ['s3:GetObject', 's3:GetObjectVersion', 'sqs:ReceiveMessage', 'secretsmanager:GetSecretValue'];
  return actions.some((action) => reads.includes(action)) ? TO_READ : [];
}
