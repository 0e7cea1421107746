// What the policies for people allow: each action on exactly what it is for, and nothing that reaches uploads or work objects.

import { describe, expect, test } from 'vitest';
import { asText, everything, one, pipeline, resources, statementsOf, type Resource } from './synthesised.ts';

const { template } = pipeline();
const policies = (from: typeof template) =>
  Object.fromEntries(Object.values(resources(from, 'AWS::IAM::ManagedPolicy')).map((policy) => [asText(policy.Properties.ManagedPolicyName), policy]));
const analyst = (from: typeof template) => policies(from)['ecg-pipeline-analyst-${AWS::Region}']!;
const rights = (policy: Resource) => Object.fromEntries(statementsOf(policy).flatMap(({ actions, resources: on }) => on.map((resource) => [resource, actions])));

const WORKGROUP = [
  'athena:BatchGetNamedQuery', 'athena:BatchGetPreparedStatement', 'athena:BatchGetQueryExecution', 'athena:CreateNamedQuery',
  'athena:CreatePreparedStatement', 'athena:DeleteNamedQuery', 'athena:DeletePreparedStatement', 'athena:GetNamedQuery',
  'athena:GetPreparedStatement', 'athena:GetQueryExecution', 'athena:GetQueryResults', 'athena:GetQueryResultsStream',
  'athena:GetQueryRuntimeStatistics', 'athena:GetWorkGroup', 'athena:ListNamedQueries', 'athena:ListPreparedStatements',
  'athena:ListQueryExecutions', 'athena:StartQueryExecution', 'athena:StopQueryExecution', 'athena:UpdateNamedQuery',
  'athena:UpdatePreparedStatement',
];
const CATALOG = [
  'glue:BatchGetPartition', 'glue:GetDatabase', 'glue:GetDatabases', 'glue:GetPartition', 'glue:GetPartitions', 'glue:GetTable', 'glue:GetTables',
];
const RESULTS = {
  '${BucketsResults.Arn}': ['s3:GetBucketLocation', 's3:ListBucket', 's3:ListBucketMultipartUploads'],
  '${BucketsResults.Arn}/results/*': ['s3:AbortMultipartUpload', 's3:GetObject', 's3:ListMultipartUploadParts', 's3:PutObject'],
};
const NAMES = {
  'athena datacatalog/AwsDataCatalog': [
    'athena:GetDataCatalog', 'athena:GetDatabase', 'athena:GetTableMetadata', 'athena:ListDatabases', 'athena:ListTableMetadata',
  ],
};

describe('an analyst', () => {
  test('may query in the workgroup, see the one database, read the tables, and write answers', () => {
    expect(rights(analyst(template))).toEqual({
      'athena workgroup/ecg-pipeline': WORKGROUP,
      ...NAMES,
      '*': ['athena:ListDataCatalogs', 'athena:ListWorkGroups'],
      'glue catalog': CATALOG, 'glue database/ecg': CATALOG, 'glue table/ecg/*': CATALOG,
      '${BucketsProcessed.Arn}': ['s3:GetBucketLocation', 's3:ListBucket'],
      '${BucketsProcessed.Arn}/*': ['s3:GetObject'],
      ...RESULTS,
    });
  });

  test.each([
    ['by default', () => template], ['with everything', () => everything().template],
    ['with Lake Formation', () => pipeline({ lakeFormation: true }).template],
  ])('has nothing that reaches uploads or work objects, changes a table or uses a star for an action: %s', (_, from) => {
    const statements = statementsOf(analyst(from()));
    expect(statements.length).toBeGreaterThan(5);
    for (const { effect, actions, resources: on } of statements) {
      expect(effect).toBe('Allow');
      for (const resource of on) {
        expect(resource).not.toMatch(/BucketsRaw|BucketsWork|BucketsAccessLogs|AuditBucket|^s3 |^\$\{Buckets\*/);
        if (resource === '*') {
          // Names only, and what Lake Formation has granted.
          expect(actions.filter((action) => !['athena:ListDataCatalogs', 'athena:ListWorkGroups', 'lakeformation:GetDataAccess'].includes(action))).toEqual([]);
        }
        if (resource.includes('Processed')) {
          expect(actions.filter((action) => !/^s3:(Get|List)/.test(action))).toEqual([]);
        }
      }
      expect(actions.filter((action) => action.includes('*') || /^glue:(?!(Batch)?Get)/.test(action))).toEqual([]);
    }
  });

  test('uses the key of the deployment where there is one', () => {
    expect(rights(analyst(everything().template))['${CustomerKey.Arn}']).toEqual(['kms:Decrypt', 'kms:GenerateDataKey']);
  });

  test('gets data through Lake Formation only, where the setting says so', () => {
    const filtered = pipeline({ lakeFormation: true });
    const granted = rights(analyst(filtered.template));
    expect(granted['*']).toEqual(['athena:ListDataCatalogs', 'athena:ListWorkGroups', 'lakeformation:GetDataAccess']);
    expect(Object.keys(granted).filter((resource) => resource.includes('Processed'))).toEqual([]);
    expect(granted).toMatchObject({ 'athena workgroup/ecg-pipeline': WORKGROUP, ...RESULTS });
  });

  test('is named in the outputs', () => {
    const [id] = one(template, 'AWS::IAM::ManagedPolicy');
    expect(template.toJSON().Outputs.AnalystPolicyArn.Value).toEqual({ Ref: id });
  });
});

describe('who uploads', () => {
  test('is nobody by default', () => expect(Object.keys(policies(template))).toEqual(['ecg-pipeline-analyst-${AWS::Region}']));

  test('may put objects below the prefix, and nothing else', () => {
    const { template: from } = pipeline({ uploadPrefixes: ['site-1/', 'site-2/devices/'] });
    expect(Object.keys(policies(from)).sort()).toEqual([
      'ecg-pipeline-analyst-${AWS::Region}', 'ecg-pipeline-uploader-site-1-${AWS::Region}', 'ecg-pipeline-uploader-site-2+devices-${AWS::Region}',
    ]);
    for (const [name, prefix] of [['site-1', 'site-1/'], ['site-2+devices', 'site-2/devices/']]) {
      expect(statementsOf(policies(from)[`ecg-pipeline-uploader-${name}-\${AWS::Region}`]!))
        .toEqual([{ effect: 'Allow', actions: ['s3:PutObject'], resources: [`\${BucketsRaw.Arn}/${prefix}*`] }]);
    }
    const outputs = from.toJSON().Outputs;
    expect(asText(outputs.UploaderPolicyArns.Value).split(',')).toHaveLength(2);
    expect(outputs.UploaderPolicyArns.Description).toContain('site-1/, site-2/devices/');
  });

  test('may use the key through S3 and for the raw bucket only', () => {
    const [, key] = statementsOf(policies(everything().template)['ecg-pipeline-uploader-site-1-${AWS::Region}']!);
    expect(key).toMatchObject({ actions: ['kms:Decrypt', 'kms:GenerateDataKey'], resources: ['${CustomerKey.Arn}'] });
    const { 'kms:ViaService': via, 'kms:EncryptionContext:aws:s3:arn': context, ...others } = key!.conditions!.StringEquals!;
    expect(others).toEqual({});
    expect(asText(via)).toBe('s3.${AWS::Region}.amazonaws.com');
    expect(asText(context)).toMatch(/^\$\{BucketsRaw[0-9A-F]{8}\.Arn\}$/);
  });
});

describe('Lake Formation', () => {
  test.each([['by default', () => template], ['with everything', () => everything().template], ['where analysts get data through it', () => pipeline({ lakeFormation: true }).template]])(
    'is told nothing by the stack, so that its grants are those of the account: %s', (_, from) => {
      const text = JSON.stringify(from().toJSON());
      expect(text).not.toContain('AWS::LakeFormation::');
      expect(text).not.toMatch(/IAM_ALLOWED_PRINCIPALS|IAMAllowedPrincipals/i);
    });

  test('no role of the pipeline needs it, so registering the bucket in hybrid mode changes nothing for them', () => {
    for (const policy of Object.values(resources(pipeline({ lakeFormation: true }).template, 'AWS::IAM::Policy'))) {
      expect(JSON.stringify(policy)).not.toContain('lakeformation:');
    }
  });
});
