// The seven functions, each with a role of its own and the rights that functions/README.md lists, no more.
// test/rights.test.ts compares the two.

import { cpSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import type { Buckets } from './buckets.ts';
import type { Catalog } from './catalog.ts';
import { explain } from './explain.ts';
import type { Settings } from './settings.ts';
import { allow } from './state-machines.ts';
import { SIZES, STEPS, type Step } from './steps.ts';
import type { UploadQueue } from './upload-queue.ts';

export interface FunctionsProps {
  readonly settings: Settings;
  readonly buckets: Buckets;
  readonly uploads: UploadQueue;
  readonly catalog: Catalog;
  readonly slackSecret: ISecret;
  /** ARN of the workflow, which does not exist yet: it needs the functions. */
  readonly workflowArn: string;
  /** ARN of the alias through which executions of the workflow are started. */
  readonly liveArn: string;
  /** ARN pattern of the workflow's executions. */
  readonly executionsArn: string;
}

export class Functions extends Construct {
  readonly byStep: Record<Step, lambda.Function>;
  readonly logGroups: Record<Step, logs.LogGroup>;

  constructor(scope: Construct, id: string, props: FunctionsProps) {
    super(scope, id);
    const { settings, uploads } = props;
    const environment = environments(props);
    const rights = rightsOf(props);

    this.logGroups = perStep((step) => new logs.LogGroup(this, `${title(step)}Logs`, {
      logGroupName: `/aws/lambda/${settings.name}-${step}`,
      retention: settings.logDays as logs.RetentionDays,
      removalPolicy: RemovalPolicy.DESTROY,
    }));
    this.byStep = perStep((step) => {
      const role = new iam.Role(this, `${title(step)}Role`, {
        assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com'),
        description: `What ${settings.name}-${step} may do`,
      });
      const logGroup = this.logGroups[step];
      const statements = [
        allow(['logs:CreateLogStream', 'logs:PutLogEvents'], logGroup.logGroupArn),
        ...rights[step],
      ];
      statements.forEach((statement) => role.addToPolicy(statement));
      explain(role, statements, 'The stars stand for the names of objects, of log streams, of tables and of executions.');

      return new lambda.Function(this, title(step), {
        functionName: `${settings.name}-${step}`,
        description: SIZES[step].does,
        runtime: lambda.Runtime.PROVIDED_AL2023,
        architecture: settings.architecture === 'arm64' ? lambda.Architecture.ARM_64 : lambda.Architecture.X86_64,
        handler: 'bootstrap',
        code: lambda.Code.fromAsset(step === 'validate' ? withProfiles(settings) : join(settings.lambdaDir, step)),
        memorySize: SIZES[step].memoryMb,
        timeout: Duration.seconds(SIZES[step].timeoutSeconds),
        environment: { ...environment[step], METRICS_NAMESPACE: settings.name },
        logGroup,
        role,
        // A state machine names a version, and an execution keeps the definition that it began with. RETAIN keeps replaced versions
        // for executions that still run and for redrives; prune-versions.sh removes them later.
        currentVersionOptions: { removalPolicy: RemovalPolicy.RETAIN },
      });
    });

    // Not `SqsEventSource`, which would grant more than is used.
    new lambda.EventSourceMapping(this, 'UploadsToStart', {
      target: this.byStep.start,
      eventSourceArn: uploads.queue.queueArn,
      batchSize: 10,
      reportBatchItemFailures: true,
      maxConcurrency: settings.startConcurrency,
    });
  }
}

/** Environment variables: the tables "Settings" of functions/README.md. */
function environments({ buckets, catalog, slackSecret, liveArn }: FunctionsProps): Record<Step, Record<string, string>> {
  const places = { WORK_BUCKET: buckets.work.bucketName, PROCESSED_BUCKET: buckets.processed.bucketName };
  return {
    start: { ...places, RAW_BUCKET: buckets.raw.bucketName, STATE_MACHINE_ARN: liveArn },
    validate: places,
    parse: places,
    transform: places,
    write: places,
    crawl: {
      ...places,
      GLUE_DATABASE: catalog.databaseName,
      ...(catalog.crawlerName !== undefined && { GLUE_CRAWLER: catalog.crawlerName }),
    },
    notify: { ...places, SLACK_SECRET: slackSecret.secretArn },
  };
}

/** The table "Rights" of functions/README.md, without the row "all". */
function rightsOf(props: FunctionsProps): Record<Step, iam.PolicyStatement[]> {
  const { raw, work, processed } = props.buckets;
  const readUploads = [
    allow(['s3:GetObject', 's3:GetObjectVersion'], objects(raw)),
    // Makes S3 answer 404 and not 403 about what is not there.
    allow(['s3:ListBucket'], raw.bucketArn),
  ];
  return {
    start: [
      // Also through an alias: Step Functions authorizes on the machine's own ARN.
      allow(['states:StartExecution'], props.workflowArn),
      allow(['states:DescribeExecution'], props.executionsArn),
      allow(['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'], props.uploads.queue.queueArn),
    ],
    validate: [...readUploads, allow(['s3:PutObject'], objects(work))],
    parse: [...readUploads, allow(['s3:GetObject', 's3:PutObject', 's3:AbortMultipartUpload'], objects(work))],
    transform: [allow(['s3:GetObject', 's3:PutObject', 's3:AbortMultipartUpload'], objects(work))],
    write: [
      allow(['s3:GetObject', 's3:PutObject', 's3:AbortMultipartUpload'], objects(work)),
      allow(['s3:PutObject'], objects(processed, 'rejections/')),
    ],
    crawl: [
      allow(['s3:GetObject'], objects(work)),
      // What is registered already.
      ...(props.catalog.crawlerName === undefined
        ? [allow(['s3:PutObject'], objects(work, 'registered/')), allow(['s3:ListBucket'], work.bucketArn)]
        : []),
      allow(['s3:PutObject'], ...['segments/', 'beats/', 'recordings/'].map((prefix) => objects(processed, prefix))),
      ...(props.catalog.crawlerName === undefined
        ? [allow(['s3:GetObject', 's3:GetObjectVersion'], objects(processed)), allow(CATALOG_ACTIONS, ...catalogArns(props))]
        : [allow(['glue:StartCrawler'], arn(props, 'glue', `crawler/${props.catalog.crawlerName}`))]),
    ],
    notify: [
      allow(['secretsmanager:GetSecretValue'], props.slackSecret.secretArn),
      // What is known of floods.
      allow(['s3:GetObject', 's3:PutObject'], objects(work, 'notices/')),
      allow(['s3:ListBucket'], work.bucketArn),
    ],
  };
}

const CATALOG_ACTIONS = [
  'glue:GetDatabase', 'glue:CreateDatabase', 'glue:GetTable', 'glue:GetTables', 'glue:CreateTable', 'glue:UpdateTable',
  'glue:GetPartition', 'glue:CreatePartition', 'glue:BatchUpdatePartition',
];

function catalogArns(props: FunctionsProps): string[] {
  const { databaseName } = props.catalog;
  return ['catalog', `database/${databaseName}`, `table/${databaseName}/*`].map((name) => arn(props, 'glue', name));
}

function arn({ buckets }: FunctionsProps, service: string, name: string): string {
  const { partition, region, account } = Stack.of(buckets);
  return `arn:${partition}:${service}:${region}:${account}:${name}`;
}

function objects(bucket: Bucket, prefix = ''): string {
  return bucket.arnForObjects(`${prefix}*`);
}

/** The function validate with the profiles of the deployment beside it, where the setting names a file. */
function withProfiles({ lambdaDir, profiles }: Settings): string {
  const built = join(lambdaDir, 'validate');
  if (profiles === '') return built;
  const folder = mkdtempSync(join(tmpdir(), 'validate-'));
  cpSync(built, folder, { recursive: true });
  cpSync(profiles, join(folder, 'ecg-profiles.toml'));
  return folder;
}

function perStep<T>(make: (step: Step) => T): Record<Step, T> {
  return Object.fromEntries(STEPS.map((step) => [step, make(step)])) as Record<Step, T>;
}

function title(step: Step): string {
  return step.charAt(0).toUpperCase() + step.slice(1);
}
