// The two steps around the deployment of a stage: what is live before it, and one recording through what it deployed. If that
// fails, the stage goes back to the version before and the delivery stops.

import { Duration } from 'aws-cdk-lib';
import * as codebuild from 'aws-cdk-lib/aws-codebuild';
import * as iam from 'aws-cdk-lib/aws-iam';
import { CodeBuildStep, type CodePipelineSource } from 'aws-cdk-lib/pipelines';
import { NODE } from './delivery-build.ts';
import type { Settings } from './settings.ts';
import { smokeTestRoleName } from './smoke-test-role.ts';

/** Where a stage lies. */
export interface Place {
  readonly partition: string;
  readonly account: string;
  readonly region: string;
}

export function smokeTest(input: CodePipelineSource, stage: string, settings: Settings, place: Place): { before: CodeBuildStep; after: CodeBuildStep } {
  const common = {
    env: { STACK: settings.name, AWS_REGION: place.region, AWS_DEFAULT_REGION: place.region },
    installCommands: takeOn(roleArn(settings, place)),
    rolePolicyStatements: [new iam.PolicyStatement({ actions: ['sts:AssumeRole'], resources: [roleArn(settings, place)] })],
    buildEnvironment: { buildImage: codebuild.LinuxArmBuildImage.AMAZON_LINUX_2023_STANDARD_3_0, computeType: codebuild.ComputeType.SMALL },
    timeout: Duration.minutes(30),
    partialBuildSpec: codebuild.BuildSpec.fromObject({ phases: { install: { 'runtime-versions': { nodejs: NODE } } } }),
  };
  const before = new CodeBuildStep(`Before-${stage}`, {
    ...common,
    input,
    commands: [
      'mkdir before && touch before/live.json',
      // The role is part of what is deployed, so a first deployment finds none, and has no version to go back to.
      'if aws sts get-caller-identity; then bash infra/before-deployment.sh "$STACK" before/live.json; else echo "not deployed yet"; fi',
    ],
    primaryOutputDirectory: 'before',
  });
  const after = new CodeBuildStep(`SmokeTest-${stage}`, {
    ...common,
    input,
    additionalInputs: { before: before.primaryOutput! },
    commands: ['bash infra/smoke-test.sh "$STACK" before/live.json', 'bash infra/prune-versions.sh "$STACK"'],
  });
  return { before, after };
}

/** A profile for the command line, which takes on the role with the rights of the build and again before they end. */
function takeOn(role: string): string[] {
  return [
    'export AWS_CONFIG_FILE="$PWD/../stage.config" AWS_PROFILE=stage',
    `printf '[profile stage]\\nrole_arn = %s\\ncredential_source = EcsContainer\\n' "${role}" >"$AWS_CONFIG_FILE"`,
  ];
}

function roleArn(settings: Settings, { partition, account, region }: Place): string {
  return `arn:${partition}:iam::${account}:role/${smokeTestRoleName(settings, region)}`;
}
