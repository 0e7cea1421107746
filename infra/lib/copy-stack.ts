// The buckets of the second copy, in another region and, if wanted, another account. A stack of its own, deployed by hand before the
// pipeline is told to copy: what can deploy the pipeline should not be able to take its copy away.

import { Aws, CfnOutput, CfnParameter, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as s3 from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { CLOSED } from './buckets.ts';
import { tag } from './budget.ts';
import type { Copy } from './copy.ts';
import { TO_WRITE } from './customer-key.ts';
import { lock } from './loss.ts';
import type { Settings } from './settings.ts';

const UNFINISHED = Duration.days(2);

export class CopyStack extends Stack {
  constructor(scope: Construct, settings: Settings, copy: Copy, account?: string) {
    super(scope, copy.stackName, {
      stackName: copy.stackName,
      description: 'Second copy of ECG recordings and tables (ecg-pipeline)',
      env: { region: copy.region, ...(copy.otherAccount ? { account: copy.account } : account && { account }) },
    });
    const key = settings.customerKey ? this.key(copy, settings) : undefined;
    const accessLogs = new s3.Bucket(this, 'AccessLogs', {
      ...CLOSED, lifecycleRules: [{ expiration: Duration.days(settings.logDays), abortIncompleteMultipartUploadAfter: UNFINISHED }],
    });
    const bucket = (id: string, bucketName: string, rule: s3.LifecycleRule) => new s3.Bucket(this, id, {
      ...CLOSED,
      ...(key && { encryption: s3.BucketEncryption.KMS, encryptionKey: key, bucketKeyEnabled: true }),
      bucketName,
      versioned: true,
      serverAccessLogsBucket: accessLogs,
      serverAccessLogsPrefix: `${id.toLowerCase()}/`,
      lifecycleRules: [{ abortIncompleteMultipartUploadAfter: UNFINISHED, ...rule }],
      transitionDefaultMinimumObjectSize: s3.TransitionDefaultMinimumObjectSize.ALL_STORAGE_CLASSES_128_K,
    });
    const { rawGlacierDays, workDays, objectLockDays } = settings;
    const archived = { storageClass: s3.StorageClass.GLACIER, transitionAfter: Duration.days(rawGlacierDays) };
    const raw = bucket('Raw', copy.raw, rawGlacierDays > 0 ? { transitions: [archived], noncurrentVersionTransitions: [archived] } : {});
    // As in the pipeline: what a rerun replaced is kept for a while.
    const processed = bucket('Processed', copy.processed, { noncurrentVersionExpiration: Duration.days(workDays) });
    if (objectLockDays > 0) {
      lock(raw, objectLockDays);
    }
    if (copy.otherAccount) {
      this.letIn(copy, [raw, processed], key);
    }
    new CfnOutput(this, 'RawCopyBucketName', { value: raw.bucketName, description: 'Uploads' });
    new CfnOutput(this, 'ProcessedCopyBucketName', { value: processed.bucketName, description: 'The tables as Parquet' });
    tag(this, settings);
  }

  private key({ keyAlias }: Copy, { name }: Settings): kms.Key {
    return new kms.Key(this, 'Key', {
      description: `The second copy of ${name}`,
      alias: keyAlias,
      enableKeyRotation: true,
      removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    });
  }

  /** The account of the pipeline, and of it only the role that copies. Not by its ARN: the role does not exist yet. */
  private letIn({ roleName }: Copy, buckets: s3.Bucket[], key?: kms.Key): void {
    const source = new CfnParameter(this, 'SourceAccount', {
      description: 'Number of the account of the pipeline', allowedPattern: '\\d{12}',
    }).valueAsString;
    const principals = [new iam.AccountPrincipal(source)];
    const conditions = { StringEquals: { 'aws:PrincipalArn': `arn:${Aws.PARTITION}:iam::${source}:role/${roleName}` } };
    for (const bucket of buckets) {
      bucket.addToResourcePolicy(new iam.PolicyStatement({
        principals, actions: ['s3:ReplicateObject', 's3:ReplicateTags'], resources: [bucket.arnForObjects('*')], conditions,
      }));
    }
    key?.addToResourcePolicy(new iam.PolicyStatement({ principals, actions: [...TO_WRITE, 'kms:Encrypt'], resources: ['*'], conditions }));
  }
}
