// Every setting of a deployment. Their values are in `settings.json`; for one command `-c name=value` counts instead.
// README.md says what each is for.

import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Node } from 'constructs';

export type Architecture = 'arm64' | 'x86_64';

export type ExecutionLog = 'ALL' | 'ERROR';

export interface Settings {
  /** Name of the stack, and what the names of functions, state machines, workgroup and secret begin with. */
  readonly name: string;
  /** Name of the Glue database. */
  readonly database: string;
  /** Processor of the functions. The files in `lambdaDir` must be built for it. */
  readonly architecture: Architecture;
  /** Folder with `<step>/bootstrap` for each function. */
  readonly lambdaDir: string;
  /** File with profiles of data sets, as `ecg run --profile` takes it; '' is none. */
  readonly profiles: string;
  /** Days after which uploads move to Glacier Flexible Retrieval; 0 is never. */
  readonly rawGlacierDays: number;
  /** Days after which work objects and query results are removed. At least 15: a redrive is possible for 14. */
  readonly workDays: number;
  /** Days that logs are kept. */
  readonly logDays: number;
  /** What the log of the state machines has: every event with its data, or what went wrong only. */
  readonly executionLog: ExecutionLog;
  /** How many invocations of `start` read the queue at once. */
  readonly startConcurrency: number;
  /** A query that would scan more is cancelled, in GB. */
  readonly scanLimitGb: number;
  /** So many failed executions within 15 minutes are an alarm. Each single one is told by the workflow itself. */
  readonly failedAlarm: number;
  /** Minutes for which a new version of the workflow takes a tenth of the executions; 0 is all at once, whatever the alarms say. */
  readonly canaryMinutes: number;
  /** Hours without an upload after which an alarm goes off; 0 is no such alarm. */
  readonly quietHours: number;
  /** What the deployment may cost a month before somebody is told, in USD; 0 is no budget. */
  readonly monthlyBudgetUsd: number;
  /** A Glue crawler adds partitions instead of the function `crawl`. */
  readonly crawler: boolean;
  /** Hours after its end (UTC) from which a day is compacted; 0 is never. */
  readonly compactAfterHours: number;
  /** Prefixes of the raw bucket; for each there is a policy for those who upload below it. */
  readonly uploadPrefixes: readonly string[];
  /** Analysts get data through Lake Formation only, and no right to read the processed bucket itself. */
  readonly lakeFormation: boolean;
  /** One KMS key of this account encrypts what is kept, in place of keys of AWS. */
  readonly customerKey: boolean;
  /** Days for which it is recorded who read or wrote which upload and which object of a table; 0 is no record. */
  readonly auditDays: number;
  /** Days for which an upload cannot be removed; 0 is no lock. */
  readonly objectLockDays: number;
  /** Whether a person's data can be erased. It cannot where uploads are locked. */
  readonly forget: boolean;
  /** Where uploads and tables are copied to: a region, or `account/region`; '' is nowhere. */
  readonly secondCopy: string;
  /** The Slack workspace that is connected to Amazon Q Developer in chat applications; '' is none. */
  readonly slackWorkspaceId: string;
  /** The channel of that workspace that alarms are posted to; '' is none. */
  readonly slackChannelId: string;
  /** The channel that deliveries are posted to; '' is none. Another one: Amazon Q takes a channel once per account. */
  readonly deliverySlackChannelId: string;
  /** What a commit to is deployed: a CodeCommit repository, or `owner/repo` behind `connectionArn`; '' is no delivery. */
  readonly repository: string;
  /** The connection to GitHub, GitLab or Bitbucket; '' is CodeCommit. */
  readonly connectionArn: string;
  /** The branch whose commits are deployed. */
  readonly branch: string;
  /** Name of a second stage behind an approval, and of its file `settings.<name>.json`; '' is none. */
  readonly secondStage: string;
}

/** What `settings.json` says, as it is. */
export function settingsFile(): Record<string, unknown> {
  return JSON.parse(readFileSync(new URL('../settings.json', import.meta.url), 'utf8')) as Record<string, unknown>;
}

/**
 * Reads the settings from CDK's context, those of `instead` before it. Throws with the name of the setting, what was
 * expected and what was found.
 */
export function settingsFrom(node: Node, instead: Record<string, unknown> = {}): Settings {
  const context = new Context(node, instead);
  return {
    name: context.text('name', /^[a-z][a-z0-9-]{0,39}$/),
    database: context.text('database', /^[a-z][a-z0-9_]*$/),
    architecture: context.oneOf('architecture', ['arm64', 'x86_64']),
    lambdaDir: resolve(context.text('lambdaDir', /./)),
    profiles: context.file('profiles'),
    rawGlacierDays: context.whole('rawGlacierDays', 0, 3650),
    workDays: context.whole('workDays', 15, 3650),
    logDays: Number(context.oneOf('logDays', LOG_DAYS)),
    executionLog: context.oneOf('executionLog', ['ALL', 'ERROR']),
    startConcurrency: context.whole('startConcurrency', 2, 1000),
    scanLimitGb: context.whole('scanLimitGb', 1, 100_000),
    failedAlarm: context.whole('failedAlarm', 1, 1_000_000),
    canaryMinutes: context.whole('canaryMinutes', 0, 2100),
    quietHours: context.whole('quietHours', 0, QUIET_HOURS),
    monthlyBudgetUsd: context.whole('monthlyBudgetUsd', 0, 10_000_000),
    crawler: context.flag('crawler'),
    compactAfterHours: compactAfterHours(context),
    uploadPrefixes: uploadPrefixes(context),
    lakeFormation: context.flag('lakeFormation'),
    customerKey: context.flag('customerKey'),
    auditDays: context.whole('auditDays', 0, 3650),
    ...loss(context),
    ...slack(context),
    ...source(context),
  };
}

/** A crawler knows nothing of where compaction has put a day, and would add what is in neither place. */
function compactAfterHours(context: Context): number {
  const hours = context.whole('compactAfterHours', 0, 720);
  if (hours > 0 && context.flag('crawler')) {
    wrong('compactAfterHours', '0, since crawler is true and a crawler cannot be used with compaction', String(hours));
  }
  return hours;
}

/** An alarm looks back for a week at most. */
const QUIET_HOURS = 168;

/** With the slash at its end, since `site-1` would also be `site-10/`. `*`, `?` and `$` mean something else in a policy. */
const PREFIX = /^[A-Za-z0-9][\w.=-]*(\/[\w.=-]+)*\/$/;

function uploadPrefixes(context: Context): string[] {
  const prefixes = context.list('uploadPrefixes');
  for (const prefix of prefixes) {
    if (!PREFIX.test(prefix) || prefix.length > 60) {
      wrong('uploadPrefixes', 'prefixes of at most 60 letters, digits, "_", ".", "=", "-" and "/", each with "/" at its end, like "site-1/"', prefix);
    }
  }
  const [twice] = prefixes.filter((prefix, at) => prefixes.indexOf(prefix) !== at);
  return twice === undefined ? prefixes : wrong('uploadPrefixes', 'each prefix once', twice);
}

/** What is locked cannot be erased: one of the two has to be given up, and nobody but the user can say which. */
function loss(context: Context): Pick<Settings, 'objectLockDays' | 'forget' | 'secondCopy'> {
  const objectLockDays = context.whole('objectLockDays', 0, 36_500);
  const forget = context.oneOf('forget', ['auto', 'true', 'false']);
  if (forget === 'true' && objectLockDays > 0) {
    wrong('forget', `false, since objectLockDays is ${objectLockDays} and a locked upload cannot be erased; or objectLockDays 0`, 'true');
  }
  const secondCopy = context.text('secondCopy', /^((\d{12}\/)?[a-z]{2}(-[a-z]+)+-\d)?$/);
  return { objectLockDays, forget: forget === 'auto' ? objectLockDays === 0 : forget === 'true', secondCopy };
}

/** Ids as the addresses of Slack's web pages have them. A channel needs its workspace; a workspace does nothing without a channel. */
function slack(context: Context): Pick<Settings, 'slackWorkspaceId' | 'slackChannelId' | 'deliverySlackChannelId'> {
  const slackWorkspaceId = context.text('slackWorkspaceId', /^(T[A-Z0-9]+)?$/);
  const slackChannelId = context.text('slackChannelId', /^(C[A-Z0-9]+)?$/);
  const deliverySlackChannelId = context.text('deliverySlackChannelId', /^(C[A-Z0-9]+)?$/);
  if (slackWorkspaceId === '' && slackChannelId + deliverySlackChannelId !== '') {
    wrong('slackWorkspaceId', 'the workspace of the channel that is set', 'none');
  }
  if (slackWorkspaceId !== '' && slackChannelId + deliverySlackChannelId === '') {
    wrong('slackChannelId', 'a channel of the workspace that is set, here or in deliverySlackChannelId', 'none');
  }
  if (slackChannelId !== '' && slackChannelId === deliverySlackChannelId) {
    wrong('deliverySlackChannelId', 'another channel than slackChannelId: Amazon Q takes a channel once per account', slackChannelId);
  }
  return { slackWorkspaceId, slackChannelId, deliverySlackChannelId };
}

function source(context: Context): Pick<Settings, 'repository' | 'connectionArn' | 'branch' | 'secondStage'> {
  const repository = context.text('repository', /^([\w.-]+(\/[\w.-]+)*)?$/);
  const connectionArn = context.text('connectionArn', CONNECTION);
  const branch = context.text('branch', /^[\w.-]+(\/[\w.-]+)*$/);
  const secondStage = context.text('secondStage', /^([a-z][a-z0-9-]{0,39})?$/);
  if (connectionArn !== '' && !repository.includes('/')) {
    wrong('repository', 'owner/repo, since connectionArn is set', repository || 'none');
  }
  if (connectionArn === '' && repository.includes('/')) {
    wrong('connectionArn', `the connection to the host of ${repository}`, 'none');
  }
  if (secondStage !== '' && repository === '') {
    wrong('repository', 'the repository that is delivered, since secondStage is set', 'none');
  }
  return { repository, connectionArn, branch, secondStage };
}

/** Connections made before 2024 have the older of the two names. */
const CONNECTION = /^(arn:aws[a-z-]*:(codeconnections|codestar-connections):[a-z0-9-]+:\d{12}:connection\/[0-9a-f-]+)?$/;

/** What CloudWatch Logs offers. */
const LOG_DAYS = ['30', '60', '90', '120', '180', '365', '731', '1096', '1827', '3653'] as const;

/** Reads typed values: a number in the file is a number, the same given with `-c` is a text. */
class Context {
  private readonly node: Node;
  private readonly instead: Record<string, unknown>;

  constructor(node: Node, instead: Record<string, unknown>) {
    this.node = node;
    this.instead = instead;
  }

  text(name: string, form: RegExp): string {
    const found = String(this.value(name));
    return form.test(found) ? found : wrong(name, `text like ${form}`, found);
  }

  /** Path of a file that is there; '' is none. */
  file(name: string): string {
    const found = this.text(name, /^/);
    const path = found === '' ? '' : resolve(found);
    return path === '' || existsSync(path) ? path : wrong(name, 'a file', path);
  }

  oneOf<T extends string>(name: string, values: readonly T[]): T {
    const found = String(this.value(name));
    return values.find((candidate) => candidate === found) ?? wrong(name, `one of ${values.join(', ')}`, found);
  }

  flag(name: string): boolean {
    return this.oneOf(name, ['true', 'false']) === 'true';
  }

  /** A list in the file; on the command line its values with commas between them. */
  list(name: string): string[] {
    const found = this.value(name);
    const values: unknown[] = Array.isArray(found) ? found : String(found).split(',').filter((value) => value !== '');
    return values.map((value) => (typeof value === 'string' ? value : wrong(name, 'a list of texts', JSON.stringify(found))));
  }

  whole(name: string, least: number, most: number): number {
    const found = String(this.value(name));
    const value = Number(found);
    return /^\d+$/.test(found) && value >= least && value <= most
      ? value
      : wrong(name, `a whole number from ${least} to ${most}`, found);
  }

  private value(name: string): unknown {
    return this.instead[name] ?? this.node.tryGetContext(name) ?? wrong(name, 'a value in settings.json', 'none');
  }
}

export function wrong(name: string, expected: string, found: string): never {
  throw new Error(`setting ${name}: expected ${expected}, found ${found}`);
}
