// CDK Pipelines makes roles itself, with more stars than ours have, and a bucket in each other region. Each finding is
// explained here.

import { ArnFormat, Stack } from 'aws-cdk-lib';
import type { CfnPipeline } from 'aws-cdk-lib/aws-codepipeline';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import type { CodeBuildStep, CodePipeline } from 'aws-cdk-lib/pipelines';
import type { IConstruct } from 'constructs';
import { acknowledge, explainResource } from './explain.ts';

const UNLOGGED = 'Only the pipeline uses it, whose history says what it did. No recording is in it.';
const ARTIFACTS = 'The star stands for the names of artifacts, which CodePipeline makes.';

export interface Delivered {
  readonly artifacts: Bucket;
  readonly cache: Bucket;
  /** The steps around the deployments. */
  readonly steps: CodeBuildStep[];
}

export function explainDelivery(delivery: CodePipeline, { artifacts, cache, steps }: Delivered): void {
  for (const bucket of [artifacts, cache]) {
    acknowledge(bucket, 'AwsSolutions-S1', UNLOGGED);
  }
  // Every role of the pipeline hands artifacts on.
  for (const action of ['s3:Abort*', 's3:DeleteObject*', 's3:GetBucket*', 's3:GetObject*', 's3:List*', 'kms:GenerateDataKey*', 'kms:ReEncrypt*']) {
    acknowledge(delivery, `AwsSolutions-IAM5[Action::${action}]`,
      'CDK grants the use of a bucket and its key in families of actions. They are limited to the buckets and the key of the delivery.');
  }
  explainResource(delivery, artifacts.arnForObjects('*'), ARTIFACTS);

  const { synthProject, selfMutationProject: mutation } = delivery;
  const assets = delivery.node.findChild('Assets').node.findChild('FileRole');
  explainResource(synthProject, cache.arnForObjects('*'), 'The star stands for the names of objects in the cache of builds.');
  for (const project of [synthProject, mutation, ...steps.map((step) => step.project)]) {
    explainReports(project, `${project.projectName}:*`, `${project.projectName}-*`);
  }
  explainReports(assets, '*', '*');
  explainResource(mutation, `arn:*:iam::${Stack.of(delivery).account}:role/*`,
    'Deploys the delivery itself. A condition limits the star to the roles that cdk bootstrap made for deploying.');
  explainResource(mutation, '*', 'CloudFormation and S3 are asked what is there: DescribeStacks and ListBucket.');
  explainResource(assets, '*', 'One role is made before the builds that publish, which it starts and stops; it may read no data.');

  // Artifacts for a stage in another region are copied there.
  for (const { replicationBucket } of Object.values(delivery.pipeline.crossRegionSupport)) {
    acknowledge(replicationBucket, 'AwsSolutions-S1', UNLOGGED);
    explainResource(delivery.pipeline.role, replicationBucket.arnForObjects('*'), ARTIFACTS);
    explainResource(delivery.pipeline.role, '*', 'The key of a bucket in another stack is known by its alias only, so CDK names the action and no key.');
  }

  // cfn-lint reports as this error that it would have written the role of a deployment in another way.
  (delivery.pipeline.node.defaultChild as CfnPipeline).addMetadata('cfn-lint', { config: { ignore_checks: ['E3703'] } });
}

/** What CodeBuild gives every project: its log group and its reports. */
function explainReports(construct: IConstruct, logGroup: string, report: string): void {
  const arn = (service: string, resource: string, resourceName: string, arnFormat: ArnFormat) =>
    Stack.of(construct).formatArn({ service, resource, resourceName, arnFormat });
  const reason = 'CodeBuild names the streams of its logs and its reports itself.';
  explainResource(construct, arn('logs', 'log-group', `/aws/codebuild/${logGroup}`, ArnFormat.COLON_RESOURCE_NAME), reason);
  explainResource(construct, arn('codebuild', 'report-group', report, ArnFormat.SLASH_RESOURCE_NAME), reason);
}
