// What makes objects tables: the database, Athena's workgroup with its limits, and saved queries. Tables and views are made by the
// function `catalog`, which knows their columns (catalog-at-deployment.ts), partitions by the function `crawl`.

import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as athena from 'aws-cdk-lib/aws-athena';
import * as glue from 'aws-cdk-lib/aws-glue';
import * as iam from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import type { Buckets } from './buckets.ts';
import { acknowledge, explain } from './explain.ts';
import { savedQueries } from './queries.ts';
import type { Settings } from './settings.ts';
import tables from '../tables.json' with { type: 'json' };

/** The tables, which are prefixes of the processed bucket as well. A test of shared/tables writes the file. */
export const TABLES: readonly string[] = tables;

export class Catalog extends Construct {
  readonly databaseName: string;
  readonly workgroupName: string;
  readonly database: glue.CfnDatabase;
  readonly workgroup: athena.CfnWorkGroup;
  readonly crawler?: glue.CfnCrawler;
  /** Name of the crawler, if there is one. */
  readonly crawlerName?: string;
  /** What the crawler may do. */
  crawlerRole?: iam.Role;

  constructor(scope: Construct, id: string, settings: Settings, buckets: Buckets) {
    super(scope, id);
    const { account } = Stack.of(this);
    this.database = new glue.CfnDatabase(this, 'Database', {
      catalogId: account,
      databaseInput: {
        name: settings.database,
        description: 'ECG recordings, their ten-second strips, beats, and what was rejected.',
        locationUri: buckets.processed.s3UrlForObject(),
      },
    });
    // With its tables, which are no resources of the stack: what a release added stays when an update is taken back.
    this.database.applyRemovalPolicy(RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE);
    this.databaseName = settings.database;

    this.workgroup = new athena.CfnWorkGroup(this, 'Workgroup', {
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

    for (const query of savedQueries()) {
      new athena.CfnNamedQuery(this, `Query-${query.number}`, {
        database: settings.database, workGroup: settings.name, name: `${query.number} ${query.title}`,
        description: 'From docs/queries.md, where the answer is explained.', queryString: query.sql,
      }).addResourceDependency(this.workgroup);
    }

    if (settings.crawler) {
      this.crawlerName = settings.name;
      this.crawler = this.addCrawler(settings, buckets);
      this.crawler.addResourceDependency(this.database);
    }
  }

  /** It adds partitions to the tables that are there. It makes and changes no table, which is also all that its role allows. */
  private addCrawler(settings: Settings, { processed }: Buckets): glue.CfnCrawler {
    const { partition, region, account } = Stack.of(this);
    const arn = (service: string, name: string) => `arn:${partition}:${service}:${region}:${account}:${name}`;
    const role = this.crawlerRole = new iam.Role(this, 'CrawlerRole', { assumedBy: new iam.ServicePrincipal('glue.amazonaws.com') });
    const statements = [
      new iam.PolicyStatement({ actions: ['s3:ListBucket'], resources: [processed.bucketArn] }),
      new iam.PolicyStatement({ actions: ['s3:GetObject'], resources: [processed.arnForObjects('*')] }),
      new iam.PolicyStatement({
        actions: [
          'glue:GetDatabase', 'glue:GetTable', 'glue:GetTables', 'glue:GetPartition', 'glue:GetPartitions', 'glue:BatchGetPartition',
          'glue:CreatePartition', 'glue:BatchCreatePartition',
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
      // Tables of the catalog as targets: with places in S3 it would make a table of what it finds there.
      targets: { catalogTargets: [{ databaseName: settings.database, tables: [...TABLES] }] },
      // LOG: a change of columns is logged, and new partitions are added all the same.
      schemaChangePolicy: { updateBehavior: 'LOG', deleteBehavior: 'LOG' },
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
