// Who read or wrote which upload and which object of a table: data events of CloudTrail, in a bucket of their own with a time of their
// own. A trail and no event data store: CloudTrail Lake takes no new customers since May 2026.

import { Duration, Stack } from 'aws-cdk-lib';
import { CfnTrail } from 'aws-cdk-lib/aws-cloudtrail';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { CLOSED, type Buckets } from './buckets.ts';
import type { CustomerKey } from './customer-key.ts';
import type { Settings } from './settings.ts';

export interface AuditProps {
  readonly settings: Settings;
  readonly buckets: Buckets;
  readonly customerKey?: CustomerKey | undefined;
}

export class Audit extends Construct {
  readonly bucket: s3.Bucket;

  constructor(scope: Construct, id: string, { settings, buckets, customerKey }: AuditProps) {
    super(scope, id);
    const { partition, region, account } = Stack.of(this);
    const trailName = `${settings.name}-data`;
    const arn = `arn:${partition}:cloudtrail:${region}:${account}:trail/${trailName}`;
    const service = 'cloudtrail.amazonaws.com';

    this.bucket = new s3.Bucket(this, 'Bucket', {
      ...CLOSED,
      serverAccessLogsBucket: buckets.accessLogs,
      serverAccessLogsPrefix: 'audit/',
      lifecycleRules: [{ expiration: Duration.days(settings.auditDays), abortIncompleteMultipartUploadAfter: Duration.days(2) }],
    });
    const ours = { 'aws:SourceArn': arn };
    this.bucket.addToResourcePolicy(new iam.PolicyStatement({
      principals: [new iam.ServicePrincipal(service)], actions: ['s3:GetBucketAcl'], resources: [this.bucket.bucketArn],
      conditions: { StringEquals: ours },
    }));
    this.bucket.addToResourcePolicy(new iam.PolicyStatement({
      principals: [new iam.ServicePrincipal(service)], actions: ['s3:PutObject'], resources: [this.bucket.arnForObjects(`AWSLogs/${account}/*`)],
      conditions: { StringEquals: { ...ours, 's3:x-amz-acl': 'bucket-owner-full-control' } },
    }));
    customerKey?.letIn([service], ['kms:GenerateDataKey', 'kms:Decrypt', 'kms:DescribeKey'], { StringEquals: ours });

    const trail = new CfnTrail(this, 'Trail', {
      trailName,
      isLogging: true,
      s3BucketName: this.bucket.bucketName,
      enableLogFileValidation: true,
      isMultiRegionTrail: false,
      includeGlobalServiceEvents: false,
      ...(customerKey && { kmsKeyId: customerKey.key.keyArn }),
      // With these, management events are off: the account has its own record of them for 90 days, free of charge.
      advancedEventSelectors: [{
        name: 'Uploads and tables',
        fieldSelectors: [
          { field: 'eventCategory', equalTo: ['Data'] },
          { field: 'resources.type', equalTo: ['AWS::S3::Object'] },
          { field: 'resources.ARN', startsWith: [buckets.raw, buckets.processed].map((bucket) => bucket.arnForObjects('')) },
        ],
      }],
    });
    // CloudTrail tries the bucket at once.
    trail.node.addDependency(this.bucket.policy!);
  }
}
