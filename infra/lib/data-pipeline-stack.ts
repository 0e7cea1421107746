// The pipeline: from a bucket for uploads to tables for SQL. Each part is a file beside this one.

import { CfnOutput, RemovalPolicy, SecretValue, Stack, type StackProps } from 'aws-cdk-lib';
import * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import { Alarms } from './alarms.ts';
import { Alerts } from './alerts.ts';
import { Audit } from './audit.ts';
import { Buckets } from './buckets.ts';
import { Budget, tag } from './budget.ts';
import { Catalog } from './catalog.ts';
import { CatalogAtDeployment } from './catalog-at-deployment.ts';
import { Compaction } from './compaction.ts';
import { CustomerKey, keyActions, TO_READ, TO_WRITE } from './customer-key.ts';
import { Dashboard } from './dashboard.ts';
import { acknowledge } from './explain.ts';
import { Forgetting } from './forgetting.ts';
import { Functions } from './functions.ts';
import { Live } from './live.ts';
import { LogQueries } from './log-queries.ts';
import { Loss } from './loss.ts';
import { Net } from './net.ts';
import { People } from './people.ts';
import type { Settings } from './settings.ts';
import { SmokeTestRole } from './smoke-test-role.ts';
import { executionsArn, liveArn, stateMachineArn, StateMachines } from './state-machines.ts';
import { ENTRIES, STEPS } from './steps.ts';
import { UploadQueue } from './upload-queue.ts';

export interface DataPipelineProps extends StackProps {
  /** Account of the delivery that deploys this stack, where it is another one. */
  readonly deliveredFrom?: string | undefined;
}

export class DataPipelineStack extends Stack {
  constructor(scope: Construct, id: string, settings: Settings, { deliveredFrom, ...props }: DataPipelineProps = {}) {
    super(scope, id, {
      stackName: settings.name, description: 'ECG recordings from upload to SQL (ecg-pipeline)', ...props,
    });

    const buckets = new Buckets(this, 'Buckets', settings);
    const uploads = new UploadQueue(this, 'Uploads', settings, buckets.raw);
    const catalog = new Catalog(this, 'Catalog', settings, buckets);
    const slackSecret = this.slackSecret(settings);
    const functions = new Functions(this, 'Functions', {
      settings, buckets, uploads, catalog, slackSecret,
      workflowArn: stateMachineArn(this, settings.name),
      liveArn: liveArn(this, settings.name),
      executionsArn: executionsArn(this, settings.name),
    });
    new CatalogAtDeployment(this, 'CatalogAtDeployment', { catalog, functions: functions.byStep });
    const machines = new StateMachines(this, 'StateMachines', { settings, buckets, functions: functions.byStep });
    const { workflow } = machines;
    const compaction = settings.compactAfterHours > 0
      ? new Compaction(this, 'Compaction', { settings, functions: functions.byStep })
      : undefined;
    const forgetting = settings.forget ? new Forgetting(this, 'Forgetting', { settings, functions: functions.byStep }) : undefined;

    const customerKey = settings.customerKey ? new CustomerKey(this, 'CustomerKey', settings) : undefined;
    const alerts = new Alerts(this, 'Alerts', settings, customerKey?.key);
    const net = new Net(this, 'Net', { settings, buckets, functions: functions.byStep, workflow, alerts });
    const alarms = new Alarms(this, 'Alarms', { settings, uploads, functions: functions.byStep, workflow, net, compaction, forgetting, alerts });
    const live = new Live(this, 'Live', { settings, workflow, rollbackAlarm: alarms.failed });
    // Uploads wait in the queue until there is an alias to start them through, and until the new version has proved itself.
    functions.byStep.start.node.addDependency(live.alias);
    new Dashboard(this, 'Dashboard', {
      settings, uploads, workflow, alarms: alarms.all, functions: functions.byStep, logGroups: functions.logGroups,
    });
    new LogQueries(this, 'LogQueries', settings, functions.logGroups);

    new People(this, 'People', { settings, buckets, catalog, key: customerKey?.key });
    if (settings.auditDays > 0) {
      new Audit(this, 'Audit', { settings, buckets, customerKey });
    }
    if (settings.monthlyBudgetUsd > 0) {
      new Budget(this, 'Budget', settings, alerts);
    }
    new Loss(this, 'Loss', { settings, buckets, customerKey });

    const smokeTest = new SmokeTestRole(this, 'SmokeTest', {
      settings, buckets, catalog, functions: functions.byStep, machines, net: net.machine, trusted: deliveredFrom ?? this.account,
    });
    if (customerKey) {
      for (const step of STEPS) {
        const { rights, rights_with = {} } = ENTRIES[step];
        customerKey.grant(functions.byStep[step].role!, keyActions(settings.crawler ? rights_with.GLUE_CRAWLER ?? rights : rights));
      }
      customerKey.grant(machines.backfill.role, TO_WRITE);
      customerKey.grant(smokeTest.role, TO_WRITE);
      if (catalog.crawlerRole) {
        customerKey.grant(catalog.crawlerRole, TO_READ);
      }
      customerKey.encrypt(this, buckets);
    }
    tag(this, settings);

    this.output('RawBucketName', buckets.raw.bucketName, 'Upload recordings here');
    this.output('WorkBucketName', buckets.work.bucketName, 'What one step leaves for the next');
    this.output('ProcessedBucketName', buckets.processed.bucketName, 'The tables as Parquet');
    this.output('StateMachineArn', workflow.stateMachineArn, 'One execution per uploaded recording');
    this.output('StateMachineAliasArn', live.alias.ref, 'Starts the version of the workflow that is live');
    this.output('StateMachineVersionArn', live.version.ref, 'The version that this deployment published');
    this.output('BackfillStateMachineArn', machines.backfill.stateMachineArn, 'Runs everything below a prefix again');
    this.output('WorkgroupName', catalog.workgroupName, 'Athena workgroup');
    this.output('DatabaseName', catalog.databaseName, 'Glue database');
    this.output('QueueUrl', uploads.queue.queueUrl, 'Events of uploads');
    this.output('DeadLetterQueueUrl', uploads.deadLetters.queueUrl, 'Events that could not be read');
    this.output('NetStateMachineArn', net.machine.stateMachineArn, 'Records and tells what the workflow could not');
    this.output('NetDeadLetterQueueUrl', net.deadLetters.queueUrl, 'Events of failed executions that did not reach the net');
    this.output('AlertTopicArn', alerts.topic.topicArn, 'Alarms; subscribe an address to get them by e-mail');
    this.output('DashboardName', settings.name, 'Whether all is well, on one page');
    if (forgetting) {
      this.output('ForgetStateMachineArn', forgetting.machine.stateMachineArn, 'Erases recordings: ecg forget --aws');
    }
    if (settings.objectLockDays > 0) {
      this.output('ObjectLockDays', String(settings.objectLockDays), 'For so long uploads cannot be removed');
    }
    this.output('SlackSecretName', `${settings.name}/slack`, 'Put the address of a Slack webhook here');
  }

  /** Empty until somebody fills it; until then `notify` only logs. A later deployment does not empty it again. */
  private slackSecret(settings: Settings): secretsmanager.Secret {
    const secret = new secretsmanager.Secret(this, 'Slack', {
      secretName: `${settings.name}/slack`,
      description: 'Address of a Slack webhook, or JSON with SLACK_BOT_TOKEN and SLACK_CHANNEL (functions/README.md)',
      secretStringValue: SecretValue.unsafePlainText('{}'),
      removalPolicy: RemovalPolicy.DESTROY,
    });
    acknowledge(secret, 'AwsSolutions-SMG4', 'Slack gives no way to rotate a webhook by program. notify reads it for each message.');
    return secret;
  }

  private output(name: string, value: string, description: string): void {
    new CfnOutput(this, name, { value, description });
  }
}
