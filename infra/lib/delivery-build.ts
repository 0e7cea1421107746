// The one build of the delivery: tests first, then the functions, then the templates. What it leaves is what deploys.

import { Duration } from 'aws-cdk-lib';
import * as codebuild from 'aws-cdk-lib/aws-codebuild';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import { CodeBuildStep, type CodePipelineSource } from 'aws-cdk-lib/pipelines';
import type { Architecture } from './settings.ts';

/** Outside the sources, so that nothing of it gets into what the build leaves. */
const HOME = '/root';
const CACHE = `${HOME}/.cache/ecg-pipeline`;

/** An image with the processor of the functions: nothing is cross-compiled, and the tests run on what deploys. */
export const IMAGES: Record<Architecture, codebuild.IBuildImage> = {
  arm64: codebuild.LinuxArmBuildImage.AMAZON_LINUX_2023_STANDARD_3_0,
  x86_64: codebuild.LinuxBuildImage.AMAZON_LINUX_2023_5,
};

const TARGETS: Record<Architecture, string> = { arm64: 'aarch64-unknown-linux-gnu', x86_64: 'x86_64-unknown-linux-gnu' };

/** The oldest that is maintained. Those who deploy by hand may have an older one. */
export const NODE = '22';

/** Crates as they come from the registry; Cargo unpacks them faster than CodeBuild would. */
const REGISTRY = ['index', 'cache'].map((part) => `${HOME}/.cargo/registry/${part}/**/*`);

/** The compiled dependencies: of the tests, of build scripts, of the functions. */
function compiled(architecture: Architecture): string[] {
  return ['debug', 'release', `${TARGETS[architecture]}/release`].flatMap((profile) =>
    ['deps', 'build', '.fingerprint'].map((part) => `${CACHE}/target/${profile}/${part}/**/*`));
}

export function buildStep(input: CodePipelineSource, architecture: Architecture, cache: Bucket): CodeBuildStep {
  return new CodeBuildStep('Synth', {
    input,
    installCommands: [
      "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal --default-toolchain none",
      '. "$HOME/.cargo/env"',
      // The toolchain that rust-toolchain.toml names.
      'rustup show active-toolchain || rustup toolchain install',
    ],
    commands: [
      // Cargo builds again what is newer than the last build. The files have the time of their commit, and that may be
      // older than the build in the cache: then old programs would be tested and deployed.
      'find . -type f -exec touch {} +',
      // `bash`: not every source keeps the permission to run a file.
      'bash tests/all.sh',
      `bash infra/build-functions.sh ${architecture} "$CARGO_TARGET_DIR/lambda"`,
      'cd infra',
      'npm ci --no-audit --no-fund',
      // The settings are those of the commit; only where the functions lie is known here.
      'npx cdk synth --quiet -c "lambdaDir=$CARGO_TARGET_DIR/lambda"',
      // Our own crates are built anew each time; their test programs are more than half of what a build leaves.
      'cargo clean --workspace --quiet',
      `cargo clean --workspace --quiet --release --target ${TARGETS[architecture]}`,
    ],
    primaryOutputDirectory: 'infra/cdk.out',
    // Our own code is built anew each time, so what makes that faster would only fill the cache.
    env: { ECG_CACHE: CACHE, CARGO_TARGET_DIR: `${CACHE}/target`, CARGO_INCREMENTAL: '0' },
    buildEnvironment: { buildImage: IMAGES[architecture], computeType: codebuild.ComputeType.LARGE },
    timeout: Duration.minutes(120),
    cache: codebuild.Cache.bucket(cache, { prefix: architecture }),
    partialBuildSpec: codebuild.BuildSpec.fromObject({
      phases: { install: { 'runtime-versions': { nodejs: NODE, python: '3.11' } } },
      cache: { paths: [...REGISTRY, ...compiled(architecture)] },
    }),
  });
}
