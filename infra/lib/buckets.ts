// Where data lie. No bucket is removed with the stack, whatever is in it: recordings cannot be made again.

import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import type { Settings } from './settings.ts';

/** How long unfinished uploads of big objects are kept; nobody sees them, they only cost. */
const UNFINISHED = Duration.days(2);

export class Buckets extends Construct {
  /** Uploads. Each version of a key is a recording of its own, so no version is ever removed. */
  readonly raw: s3.Bucket;
  /** What one step leaves for the next. */
  readonly work: s3.Bucket;
  /** The tables. */
  readonly processed: s3.Bucket;
  /** Results of Athena's queries. */
  readonly results: s3.Bucket;
  /** Who read or wrote what: medical data want an answer to that. */
  readonly accessLogs: s3.Bucket;

  constructor(scope: Construct, id: string, settings: Settings) {
    super(scope, id);

    this.accessLogs = new s3.Bucket(this, 'AccessLogs', {
      ...CLOSED,
      lifecycleRules: [{ expiration: Duration.days(settings.logDays), abortIncompleteMultipartUploadAfter: UNFINISHED }],
    });
    const logged = (name: string): s3.BucketProps => ({
      ...CLOSED, serverAccessLogsBucket: this.accessLogs, serverAccessLogsPrefix: `${name}/`,
    });
    const expiring: s3.LifecycleRule = {
      expiration: Duration.days(settings.workDays), abortIncompleteMultipartUploadAfter: UNFINISHED,
    };

    this.raw = new s3.Bucket(this, 'Raw', {
      ...logged('raw'),
      versioned: true,
      lifecycleRules: [{
        abortIncompleteMultipartUploadAfter: UNFINISHED,
        ...(settings.rawGlacierDays > 0 && {
          transitions: [
            { storageClass: s3.StorageClass.GLACIER, transitionAfter: Duration.days(settings.rawGlacierDays) },
          ],
          noncurrentVersionTransitions: [
            { storageClass: s3.StorageClass.GLACIER, transitionAfter: Duration.days(settings.rawGlacierDays) },
          ],
        }),
      }],
      // In Glacier each object costs 40 KB more: a ten-second recording would get dearer, not cheaper.
      transitionDefaultMinimumObjectSize: s3.TransitionDefaultMinimumObjectSize.ALL_STORAGE_CLASSES_128_K,
    });
    this.work = new s3.Bucket(this, 'Work', { ...logged('work'), lifecycleRules: [expiring] });
    this.processed = new s3.Bucket(this, 'Processed', {
      ...logged('processed'),
      versioned: true,
      // A rerun writes the same bytes again; what it replaced can be had back for a while.
      lifecycleRules: [{
        abortIncompleteMultipartUploadAfter: UNFINISHED,
        noncurrentVersionExpiration: Duration.days(settings.workDays),
        expiredObjectDeleteMarker: true,
      }],
    });
    this.results = new s3.Bucket(this, 'Results', { ...logged('results'), lifecycleRules: [expiring] });
  }
}

/** Nothing public, TLS only, encrypted, kept. */
export const CLOSED = {
  blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
  objectOwnership: s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
  enforceSSL: true,
  minimumTLSVersion: 1.2,
  encryption: s3.BucketEncryption.S3_MANAGED,
  // Kept when the stack goes, not when it never came to be: a first deployment that failed can be repeated.
  removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
} satisfies s3.BucketProps;
