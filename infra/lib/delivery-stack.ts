// A commit to the branch is tested, built and deployed; the first thing that it deploys is this stack itself.

import { readFileSync } from 'node:fs';
import { CfnOutput, Duration, RemovalPolicy, Stack, Stage, type Environment } from 'aws-cdk-lib';
import { Repository } from 'aws-cdk-lib/aws-codecommit';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as logs from 'aws-cdk-lib/aws-logs';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { CodePipeline, CodePipelineSource, ManualApprovalStep, type CodeBuildStep } from 'aws-cdk-lib/pipelines';
import type { Construct } from 'constructs';
import { CLOSED } from './buckets.ts';
import { DataPipelineStack } from './data-pipeline-stack.ts';
import { buildStep } from './delivery-build.ts';
import { explainDelivery } from './delivery-findings.ts';
import { DeliveryNotices } from './delivery-notices.ts';
import { smokeTest } from './delivery-smoke-test.ts';
import type { SecondStage } from './second-stage.ts';
import type { Settings } from './settings.ts';

/** Publishes the functions' files. Not in package.json: CodeBuild installs it on its own. */
const ASSETS_CLI = '4.7.3';

export interface DeliveryStackProps {
  readonly secondStage?: SecondStage | undefined;
  /** Needed with a second stage elsewhere. */
  readonly env?: Environment | undefined;
}

export class DeliveryStack extends Stack {
  constructor(scope: Construct, id: string, settings: Settings, { secondStage, env }: DeliveryStackProps = {}) {
    super(scope, id, {
      stackName: `${settings.name}-delivery`, description: 'Tests, builds and deploys each commit (ecg-pipeline)', ...(env && { env }),
    });
    const key = new kms.Key(this, 'Key', {
      description: `Artifacts and notices of ${settings.name}-delivery`, enableKeyRotation: true,
    });
    const artifacts = new s3.Bucket(this, 'Artifacts', {
      ...CLOSED, lifecycleRules: [after(30)],
      // Not S3's own key: a second account may have to read.
      encryption: s3.BucketEncryption.KMS, encryptionKey: key, bucketKeyEnabled: true,
    });
    const cache = new s3.Bucket(this, 'BuildCache', { ...CLOSED, lifecycleRules: [after(14)] });

    // CodeBuild's own groups keep every line for ever.
    const logGroup = new logs.LogGroup(this, 'BuildLogs', {
      logGroupName: `/aws/codebuild/${settings.name}-delivery`,
      retention: settings.logDays as logs.RetentionDays,
      removalPolicy: RemovalPolicy.DESTROY,
    });

    const source = sourceOf(this, settings);
    const delivery = new CodePipeline(this, 'Pipeline', {
      pipelineName: `${settings.name}-delivery`,
      synth: buildStep(source, settings.architecture, cache),
      artifactBucket: artifacts,
      ...(secondStage?.env && secondStage.env.account !== env?.account && { crossAccountKeys: true, enableKeyRotation: true }),
      // The roles of single actions could be taken on by the pipeline's anyway.
      usePipelineRoleForActions: true,
      // One build publishes all functions: they are small, and a build for each would take longer to start.
      publishAssetsInParallel: false,
      cliVersion: cliVersion(),
      cdkAssetsCliVersion: ASSETS_CLI,
      codeBuildDefaults: { logging: { cloudWatch: { logGroup } } },
    });
    const { partition, account, region } = this;
    const steps: CodeBuildStep[] = [];
    const first = smokeTest(source, settings.name, settings, { partition, account, region });
    delivery.addStage(new DataPipelineStage(this, settings.name, settings), { pre: [first.before], post: [first.after] });
    steps.push(first.before, first.after);
    if (secondStage) {
      const { name } = secondStage;
      const approval = new ManualApprovalStep(`Approve-${name}`, { comment: `Deploys this commit to ${name}` });
      const second = smokeTest(source, name, secondStage.settings, { partition, account, region, ...secondStage.env });
      second.before.addStepDependency(approval);
      delivery.addStage(new DataPipelineStage(this, name, secondStage.settings, { env: secondStage.env, deliveredFrom: env?.account }), {
        pre: [approval, second.before], post: [second.after],
      });
      steps.push(second.before, second.after);
    }
    delivery.buildPipeline();
    for (const { replicationBucket } of Object.values(delivery.pipeline.crossRegionSupport)) {
      (replicationBucket as s3.Bucket).addLifecycleRule(after(30));
    }
    if (settings.connectionArn !== '') {
      // CDK allows this under the older of the service's two names only.
      delivery.pipeline.addToRolePolicy(new iam.PolicyStatement({
        actions: ['codeconnections:UseConnection'], resources: [settings.connectionArn],
      }));
    }

    explainDelivery(delivery, { artifacts, cache, steps });

    const { topic } = new DeliveryNotices(this, 'Notices', { settings, pipeline: delivery.pipeline, key });
    new CfnOutput(this, 'PipelineName', { value: delivery.pipeline.pipelineName, description: 'What became of each commit' });
    new CfnOutput(this, 'NoticesTopicArn', { value: topic.topicArn, description: 'Subscribe here to hear of deliveries' });
  }
}

/** The stack of a direct deploy under the same name, so that a delivery takes over what was deployed by hand. */
class DataPipelineStage extends Stage {
  constructor(scope: Construct, id: string, settings: Settings, { env, deliveredFrom }: { env?: Environment | undefined; deliveredFrom?: string | undefined } = {}) {
    super(scope, id, { ...(env && { env }) });
    // In its own account the template is that of a direct deploy.
    new DataPipelineStack(this, settings.name, settings, deliveredFrom === env?.account ? {} : { deliveredFrom });
  }
}

function sourceOf(scope: Construct, { repository, connectionArn, branch }: Settings): CodePipelineSource {
  return connectionArn === ''
    ? CodePipelineSource.codeCommit(Repository.fromRepositoryName(scope, 'Repository', repository), branch)
    : CodePipelineSource.connection(repository, branch, { connectionArn });
}

/** The version that package-lock.json installs. Unpinned, CodeBuild would take whatever is newest on that day. */
function cliVersion(): string {
  const file = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { devDependencies: { 'aws-cdk': string } };
  return file.devDependencies['aws-cdk'];
}

/** Can be made again from the sources at any time. */
function after(days: number): s3.LifecycleRule {
  return { expiration: Duration.days(days), abortIncompleteMultipartUploadAfter: Duration.days(2) };
}
