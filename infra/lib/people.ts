// What people get: managed policies to attach to a group, to a role, or to a permission set of IAM Identity Center. Analysts query
// the tables; whoever uploads puts objects below a prefix and can read none.

import { CfnOutput, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import type { Buckets } from './buckets.ts';
import type { Catalog } from './catalog.ts';
import { explain } from './explain.ts';
import type { Settings } from './settings.ts';
import { allow } from './state-machines.ts';

export interface PeopleProps {
  readonly settings: Settings;
  readonly buckets: Buckets;
  readonly catalog: Catalog;
  /** What the buckets are encrypted with, if it is no key of AWS. */
  readonly key?: kms.IKey | undefined;
}

export class People extends Construct {
  constructor(scope: Construct, id: string, props: PeopleProps) {
    super(scope, id);
    const { settings } = props;
    const analyst = this.policy('Analyst', `${settings.name}-analyst`,
      'Query the ECG tables with Athena. No uploads, no work objects.', analystRights(this, props),
      'The stars stand for the names of objects and of tables. Lists of workgroups and of catalogs have no resource.');
    output(this, 'AnalystPolicyArn', analyst.managedPolicyArn, 'Attach it to whoever queries the tables');

    const uploaders = settings.uploadPrefixes.map((prefix) => this.policy(
      `Uploader-${prefix}`, `${settings.name}-uploader-${prefix.slice(0, -1).replaceAll('/', '+')}`,
      `Upload ECG recordings below ${prefix} and nothing else.`, uploaderRights(this, prefix, props),
      'The star stands for the names of objects below the prefix.'));
    if (uploaders.length > 0) {
      output(this, 'UploaderPolicyArns', uploaders.map(({ managedPolicyArn }) => managedPolicyArn).join(','),
        `Attach one to whoever uploads, in this order: ${settings.uploadPrefixes.join(', ')}`);
    }
  }

  /** Its name is known beforehand, since a permission set asks for a policy by name. Names are one list for all regions of an account. */
  private policy(id: string, name: string, description: string, statements: iam.PolicyStatement[], reason: string): iam.ManagedPolicy {
    const policy = new iam.ManagedPolicy(this, id, {
      managedPolicyName: `${name}-${Stack.of(this).region}`, description, statements,
    });
    explain(policy, statements, reason);
    return policy;
  }
}

/** Nothing of raw and of work: a recording that was uploaded is for the pipeline. */
function analystRights(scope: Construct, { settings, buckets, catalog, key }: PeopleProps): iam.PolicyStatement[] {
  const { processed, results } = buckets;
  const { partition, region, account } = Stack.of(scope);
  const arn = (service: string, name: string) => `arn:${partition}:${service}:${region}:${account}:${name}`;
  return [
    allow([
      'athena:GetWorkGroup', 'athena:StartQueryExecution', 'athena:StopQueryExecution', 'athena:GetQueryExecution',
      'athena:BatchGetQueryExecution', 'athena:ListQueryExecutions', 'athena:GetQueryResults', 'athena:GetQueryResultsStream',
      'athena:GetQueryRuntimeStatistics',
      'athena:CreateNamedQuery', 'athena:GetNamedQuery', 'athena:BatchGetNamedQuery', 'athena:ListNamedQueries',
      'athena:UpdateNamedQuery', 'athena:DeleteNamedQuery',
      'athena:CreatePreparedStatement', 'athena:GetPreparedStatement', 'athena:BatchGetPreparedStatement',
      'athena:ListPreparedStatements', 'athena:UpdatePreparedStatement', 'athena:DeletePreparedStatement',
    ], arn('athena', `workgroup/${catalog.workgroupName}`)),
    // What the console and drivers list before anything is chosen: names only.
    allow(['athena:GetDataCatalog', 'athena:GetDatabase', 'athena:ListDatabases', 'athena:GetTableMetadata', 'athena:ListTableMetadata'],
      arn('athena', 'datacatalog/AwsDataCatalog')),
    allow(['athena:ListWorkGroups', 'athena:ListDataCatalogs'], '*'),
    allow([
      'glue:GetDatabase', 'glue:GetDatabases', 'glue:GetTable', 'glue:GetTables', 'glue:GetPartition', 'glue:GetPartitions',
      'glue:BatchGetPartition',
    ], ...['catalog', `database/${catalog.databaseName}`, `table/${catalog.databaseName}/*`].map((name) => arn('glue', name))),
    ...(settings.lakeFormation
      // Lake Formation gives Athena the rows and columns that were granted. Who could read the objects would see all of them.
      ? [allow(['lakeformation:GetDataAccess'], '*')]
      : [
        allow(['s3:GetObject'], processed.arnForObjects('*')),
        allow(['s3:ListBucket', 's3:GetBucketLocation'], processed.bucketArn),
      ]),
    allow(['s3:ListBucket', 's3:GetBucketLocation', 's3:ListBucketMultipartUploads'], results.bucketArn),
    allow(['s3:GetObject', 's3:PutObject', 's3:AbortMultipartUpload', 's3:ListMultipartUploadParts'], results.arnForObjects('results/*')),
    ...(key ? [allow(['kms:Decrypt', 'kms:GenerateDataKey'], key.keyArn)] : []),
  ];
}

/**
 * One right. It suffices for an upload in parts as well: AWS lets who began one upload its parts, complete it, and list or abort it
 * ("Multipart upload API and permissions"). What is left unfinished is removed after two days.
 */
function uploaderRights(scope: Construct, prefix: string, { buckets: { raw }, key }: PeopleProps): iam.PolicyStatement[] {
  return [
    allow(['s3:PutObject'], raw.arnForObjects(`${prefix}*`)),
    // An upload in parts decrypts them to put them together. Only S3 may do so, and only for this bucket.
    ...(key ? [new iam.PolicyStatement({
      actions: ['kms:GenerateDataKey', 'kms:Decrypt'],
      resources: [key.keyArn],
      conditions: {
        StringEquals: {
          'kms:ViaService': `s3.${Stack.of(scope).region}.amazonaws.com`, 'kms:EncryptionContext:aws:s3:arn': raw.bucketArn,
        },
      },
    })] : []),
  ];
}

/** Of the stack: a construct's own would have another name. */
function output(scope: Construct, name: string, value: string, description: string): void {
  new CfnOutput(Stack.of(scope), name, { value, description });
}
