// What makes objects tables: the database, Athena's workgroup with its limits, and saved queries. The tables themselves
// come from the function `crawl`, which knows their columns.

import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as athena from 'aws-cdk-lib/aws-athena';
import * as glue from 'aws-cdk-lib/aws-glue';
import * as iam from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import type { Buckets } from './buckets.ts';
import { acknowledge, explain } from './explain.ts';
import { savedQueries, views } from './queries.ts';
import type { Settings } from './settings.ts';

/** The tables, which are prefixes of the processed bucket as well. */
export const TABLES = ['recordings', 'segments', 'beats', 'windows', 'rejections'];

export class Catalog extends Construct {
  readonly databaseName: string;
  readonly workgroupName: string;
  /** Name of the crawler, if there is one. */
  readonly crawlerName?: string;
  /** What the crawler may do. */
  crawlerRole?: iam.Role;

  constructor(scope: Construct, id: string, settings: Settings, buckets: Buckets) {
    super(scope, id);
    const { account } = Stack.of(this);
    const database = new glue.CfnDatabase(this, 'Database', {
      catalogId: account,
      databaseInput: {
        name: settings.database,
        description: 'ECG recordings, their ten-second strips, beats, and what was rejected.',
        locationUri: buckets.processed.s3UrlForObject(),
      },
    });
    database.applyRemovalPolicy(RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE);
    this.databaseName = settings.database;

    const workgroup = new athena.CfnWorkGroup(this, 'Workgroup', {
      name: settings.name,
      description: 'Queries on ECG recordings, with a limit on what one query scans.',
      // With its history of queries, if the stack goes.
      recursiveDeleteOption: true,
      workGroupConfiguration: {
        enforceWorkGroupConfiguration: true,
        publishCloudWatchMetricsEnabled: true,
        bytesScannedCutoffPerQuery: settings.scanLimitGb * 1_000_000_000,
        engineVersion: { selectedEngineVersion: 'Athena engine version 3' },
        resultConfiguration: {
          outputLocation: buckets.results.s3UrlForObject('results/'),
          encryptionConfiguration: { encryptionOption: 'SSE_S3' },
        },
      },
    });
    this.workgroupName = settings.name;

    const save = (constructId: string, name: string, description: string, queryString: string) => {
      new athena.CfnNamedQuery(this, constructId, {
        database: settings.database, workGroup: settings.name, name, description, queryString,
      }).addResourceDependency(workgroup);
    };
    for (const view of views()) {
      save(`View-${view.name}`, `create view ${view.name}`, view.comment, `CREATE OR REPLACE VIEW "${view.name}" AS${view.sql}`);
    }
    for (const query of savedQueries()) {
      save(`Query-${query.number}`, `${query.number} ${query.title}`, 'From docs/queries.md, where the answer is explained.', query.sql);
    }

    if (settings.crawler) {
      this.crawlerName = settings.name;
      this.addCrawler(settings, buckets).addResourceDependency(database);
    }
  }

  private addCrawler(settings: Settings, { processed }: Buckets): glue.CfnCrawler {
    const { partition, region, account } = Stack.of(this);
    const arn = (service: string, name: string) => `arn:${partition}:${service}:${region}:${account}:${name}`;
    const role = this.crawlerRole = new iam.Role(this, 'CrawlerRole', { assumedBy: new iam.ServicePrincipal('glue.amazonaws.com') });
    const statements = [
      new iam.PolicyStatement({ actions: ['s3:ListBucket'], resources: [processed.bucketArn] }),
      new iam.PolicyStatement({ actions: ['s3:GetObject'], resources: [processed.arnForObjects('*')] }),
      new iam.PolicyStatement({
        actions: [
          'glue:GetDatabase', 'glue:GetTable', 'glue:GetTables', 'glue:CreateTable', 'glue:UpdateTable', 'glue:GetPartition',
          'glue:GetPartitions', 'glue:BatchGetPartition', 'glue:BatchCreatePartition', 'glue:BatchUpdatePartition',
          'glue:UpdatePartition',
        ],
        resources: ['catalog', `database/${settings.database}`, `table/${settings.database}/*`].map((name) => arn('glue', name)),
      }),
      new iam.PolicyStatement({
        actions: ['logs:CreateLogGroup', 'logs:CreateLogStream', 'logs:PutLogEvents'],
        resources: [arn('logs', 'log-group:/aws-glue/crawlers:*'), arn('logs', 'log-group:/aws-glue/crawlers*:*')],
      }),
    ];
    statements.forEach((statement) => role.addToPolicy(statement));
    explain(role, statements, 'The stars stand for the names of objects, of tables and of log streams.');
    const crawler = new glue.CfnCrawler(this, 'Crawler', {
      name: settings.name,
      description: 'Started by the function crawl. Bills ten minutes each time.',
      role: role.roleArn,
      databaseName: settings.database,
      targets: { s3Targets: TABLES.map((table) => ({ path: processed.s3UrlForObject(`${table}/`) })) },
      schemaChangePolicy: { updateBehavior: 'UPDATE_IN_DATABASE', deleteBehavior: 'LOG' },
      configuration: JSON.stringify({
        Version: 1.0,
        Grouping: { TableGroupingPolicy: 'CombineCompatibleSchemas' },
        CrawlerOutput: { Partitions: { AddOrUpdateBehavior: 'InheritFromTable' } },
      }),
    });
    crawler.node.addDependency(role);
    acknowledge(crawler, 'AwsSolutions-GL1', 'CloudWatch Logs encrypts what the crawler says with a key of its own; no recording is in it.');
    return crawler;
  }
}
