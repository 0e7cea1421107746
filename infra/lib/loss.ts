// Against loss, by setting: uploads that nobody can remove for a while, and a second copy elsewhere (docs/adr/0026).

import { Annotations, Aws } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type { Bucket, CfnBucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import type { Buckets } from './buckets.ts';
import { TABLES } from './catalog.ts';
import { copyOf, type Copy } from './copy.ts';
import type { CustomerKey } from './customer-key.ts';
import { explain } from './explain.ts';
import type { Settings } from './settings.ts';
import { allow } from './state-machines.ts';

export interface LossProps {
  readonly settings: Settings;
  readonly buckets: Buckets;
  readonly customerKey?: CustomerKey | undefined;
}

export class Loss extends Construct {
  constructor(scope: Construct, id: string, { settings, buckets, customerKey }: LossProps) {
    super(scope, id);
    if (settings.objectLockDays > 0) {
      lock(buckets.raw, settings.objectLockDays);
      Annotations.of(this).addInfo(
        `Uploads cannot be removed for ${settings.objectLockDays} days (objectLockDays), so a person's data cannot be erased either: forget is off.`);
    }
    const copy = copyOf(settings);
    if (copy) {
      this.replicate(copy, settings, buckets, customerKey);
    }
  }

  /**
   * New objects and versions go to the copy; a removal does not, so it takes nothing away there. On the buckets themselves: CDK's
   * `replicationRules` wants the other buckets as constructs.
   */
  private replicate(copy: Copy, settings: Settings, { raw, processed }: Buckets, customerKey?: CustomerKey): void {
    const role = new iam.Role(this, 'Role', {
      roleName: copy.roleName,
      description: `Copies what ${settings.name} keeps to ${copy.region}`,
      assumedBy: new iam.ServicePrincipal('s3.amazonaws.com'),
    });
    const statements = [[raw, copy.raw] as const, [processed, copy.processed] as const].flatMap(([from, to]) => [
      allow(['s3:GetReplicationConfiguration', 's3:ListBucket'], from.bucketArn),
      allow([
        's3:GetObjectVersionForReplication', 's3:GetObjectVersionAcl', 's3:GetObjectVersionTagging',
        ...(settings.objectLockDays > 0 && from === raw ? ['s3:GetObjectRetention', 's3:GetObjectLegalHold'] : []),
      ], from.arnForObjects('*')),
      allow(['s3:ReplicateObject', 's3:ReplicateTags'], `arn:${Aws.PARTITION}:s3:::${to}/*`),
    ]);
    const keys = `arn:${Aws.PARTITION}:kms:${copy.region}:${copy.account}:key/*`;
    if (customerKey) {
      statements.push(
        allow(['kms:Decrypt'], customerKey.key.keyArn),
        // Its id is known in the other stack only; it has this alias.
        new iam.PolicyStatement({
          actions: ['kms:GenerateDataKey', 'kms:Encrypt'],
          resources: [keys],
          conditions: { 'ForAnyValue:StringEquals': { 'kms:ResourceAliases': copy.keyAlias } },
        }));
    }
    statements.forEach((statement) => role.addToPolicy(statement));
    explain(role, statements, 'The stars stand for the names of objects, and for the id of the key that has the alias in the condition.');

    // Of the tables the objects of each recording, and what says that one was erased. Not what compaction makes of them, which has the same
    // rows under no recording's name, and is left for a new one whenever a day changes.
    const ofTables = [...TABLES, 'erased'].map((name) => `${name}/`);
    for (const [from, to, prefixes] of [[raw, copy.raw, ['']], [processed, copy.processed, ofTables]] as const) {
      const bucket = from.node.defaultChild as CfnBucket;
      bucket.replicationConfiguration = {
        role: role.roleArn,
        rules: prefixes.map((prefix, priority) => ({
          id: `second-copy-${prefix.slice(0, -1) || 'all'}`,
          status: 'Enabled',
          priority,
          filter: { prefix },
          deleteMarkerReplication: { status: 'Disabled' },
          destination: {
            bucket: `arn:${Aws.PARTITION}:s3:::${to}`,
            ...(customerKey && {
              encryptionConfiguration: { replicaKmsKeyId: `arn:${Aws.PARTITION}:kms:${copy.region}:${copy.account}:${copy.keyAlias}` },
            }),
          },
          ...(customerKey && { sourceSelectionCriteria: { sseKmsEncryptedObjects: { status: 'Enabled' } } }),
        })),
      };
    }
    Annotations.of(this).addInfo(
      `Uploads and tables are copied to buckets of the stack ${copy.stackName} in ${copy.region}, which has to be deployed first (infra/README.md).`);
  }
}

/**
 * GOVERNANCE: nobody who has no right to bypass it removes a version. With COMPLIANCE a mistake in the number of days could not be put
 * right by anybody. S3 takes both settings on a bucket that is there; CloudFormation replaces no bucket for them.
 */
export function lock(bucket: Bucket, days: number): void {
  const made = bucket.node.defaultChild as CfnBucket;
  made.objectLockEnabled = true;
  made.objectLockConfiguration = { objectLockEnabled: 'Enabled', rule: { defaultRetention: { mode: 'GOVERNANCE', days } } };
}
