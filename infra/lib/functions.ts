// The functions, each with a role of its own and the rights that functions/steps.json lists, no more.

import { cpSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import type { Buckets } from './buckets.ts';
import type { Catalog } from './catalog.ts';
import { explain } from './explain.ts';
import type { Settings } from './settings.ts';
import { allow } from './state-machines.ts';
import { ENTRIES, EVERY, STEPS, type Step } from './steps.ts';
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
      const environment = environmentOf(step, props);
      const statements = rightsOf(step, environment, logGroup, props);
      statements.forEach((statement) => role.addToPolicy(statement));
      explain(role, statements, 'The stars stand for the names of objects, of log streams, of tables and of executions.');

      return new lambda.Function(this, title(step), {
        functionName: `${settings.name}-${step}`,
        description: ENTRIES[step].does,
        runtime: lambda.Runtime.PROVIDED_AL2023,
        architecture: settings.architecture === 'arm64' ? lambda.Architecture.ARM_64 : lambda.Architecture.X86_64,
        handler: 'bootstrap',
        code: lambda.Code.fromAsset(step === 'validate' ? withProfiles(settings) : join(settings.lambdaDir, step)),
        memorySize: ENTRIES[step].memory_mb,
        timeout: Duration.seconds(ENTRIES[step].timeout_seconds),
        environment,
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

function environmentOf(step: Step, { settings, buckets, catalog, slackSecret, liveArn }: FunctionsProps): Record<string, string> {
  // `undefined`: not set by this deployment.
  const values: Record<string, string | undefined> = {
    RAW_BUCKET: buckets.raw.bucketName,
    WORK_BUCKET: buckets.work.bucketName,
    PROCESSED_BUCKET: buckets.processed.bucketName,
    RESULTS_BUCKET: buckets.results.bucketName,
    STATE_MACHINE_ARN: liveArn,
    GLUE_DATABASE: catalog.databaseName,
    GLUE_CRAWLER: catalog.crawlerName,
    ATHENA_WORKGROUP: catalog.workgroupName,
    SLACK_SECRET: slackSecret.secretArn,
    METRICS_NAMESPACE: settings.name,
    RUST_LOG: undefined,
  };
  const names = Object.keys({ ...EVERY.environment, ...ENTRIES[step].environment });
  return Object.fromEntries(names.flatMap((name) => {
    if (!(name in values)) throw unknown(step, 'variable', name, Object.keys(values));
    const value = values[name];
    return value === undefined ? [] : [[name, value]];
  }));
}

function rightsOf(step: Step, environment: Record<string, string>, logGroup: logs.LogGroup, props: FunctionsProps): iam.PolicyStatement[] {
  const { rights_with = {} } = ENTRIES[step];
  // Where nothing may be erased, nobody can make it do so.
  const rights = step === 'forget' && !props.settings.forget ? {} : ENTRIES[step].rights;
  const variable = Object.keys(rights_with).find((name) => name in environment);
  const { databaseName, crawlerName, workgroupName } = props.catalog;
  const others: Record<string, string[]> = {
    log: [logGroup.logGroupArn],
    // Also through an alias: Step Functions authorizes on the machine's own ARN.
    workflow: [props.workflowArn],
    executions: [props.executionsArn],
    queue: [props.uploads.queue.queueArn],
    catalog: ['catalog', `database/${databaseName}`, `table/${databaseName}/*`].map((name) => arn(props, 'glue', name)),
    crawler: [arn(props, 'glue', `crawler/${crawlerName}`)],
    workgroup: [arn(props, 'athena', `workgroup/${workgroupName}`)],
    slack_secret: [props.slackSecret.secretArn],
  };
  const resources = (place: string): string[] => {
    const [, bucket, below] = /^(raw|work|processed|results)(?:\/(.+))?$/.exec(place) ?? [];
    if (bucket === undefined) {
      if (!(place in others)) throw unknown(step, 'place', place, ['raw', 'work', 'processed', 'results', ...Object.keys(others)]);
      return others[place]!;
    }
    const { bucketArn } = props.buckets[bucket as 'raw' | 'work' | 'processed' | 'results'];
    return [below === undefined ? bucketArn : `${bucketArn}/${below}`];
  };
  return Object.entries({ ...EVERY.rights, ...(variable === undefined ? rights : rights_with[variable]) })
    .map(([place, actions]) => allow([...actions], ...resources(place)));
}

function unknown(step: Step, what: string, found: string, expected: string[]): Error {
  return new Error(`functions/steps.json: ${step}: ${what}: expected one of ${expected.join(', ')}, found ${found}; a new one is given its value in infra/lib/functions.ts`);
}

function arn({ buckets }: FunctionsProps, service: string, name: string): string {
  const { partition, region, account } = Stack.of(buckets);
  return `arn:${partition}:${service}:${region}:${account}:${name}`;
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
