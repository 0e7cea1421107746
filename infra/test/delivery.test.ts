import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Annotations, Match, Template } from 'aws-cdk-lib/assertions';
import { Stage, type App, type Stack } from 'aws-cdk-lib';
import { describe, expect, test } from 'vitest';
import { asText, delivery, one, pipeline, resources } from './synthesised.ts';

const CONNECTION = 'arn:aws:codeconnections:eu-central-1:111111111111:connection/01234567-89ab-cdef-0123-456789abcdef';
const LIVE = { name: 'live', database: 'live' };

const plain = delivery();
const github = delivery({ repository: 'us/group/ecg', connectionArn: CONNECTION, branch: 'release' });
const approved = delivery({ secondStage: 'production' }, { ...LIVE, logDays: 365 });

/** `Stage: Action, Action` in the order in which they run. */
function order(template: Template): string[] {
  const [, { Properties }] = one(template, 'AWS::CodePipeline::Pipeline');
  return Properties.Stages.map(({ Name, Actions }: any) => {
    const inOrder = [...Actions].sort((one, other) => one.RunOrder - other.RunOrder);
    return `${Name}: ${inOrder.map((action: any) => action.Name).join(', ')}`;
  });
}

function action(template: Template, name: string): any {
  const [, { Properties }] = one(template, 'AWS::CodePipeline::Pipeline');
  return Properties.Stages.flatMap(({ Actions }: any) => Actions).find(({ Name }: any) => Name === name);
}

/** The template of the only stack in a stage. */
function stageTemplate(app: App, stage: string): any {
  const assembly = app.synth().getNestedAssembly(`assembly-Delivery-${stage}`);
  expect(assembly.stacks).toHaveLength(1);
  return { ...assembly.stacks[0]!.template, stackName: assembly.stacks[0]!.stackName };
}

/** CDK puts the place in its tree into the name of one statement, where it means nothing. */
function placeless(template: unknown): unknown {
  return JSON.parse(JSON.stringify(template).replaceAll(/"Sid":"AllowEventRule\w+"/g, '"Sid":"AllowEventRule"'));
}

test('a commit goes from its source through the build and the delivery itself to the one stage', () => {
  expect(order(plain.template)).toEqual([
    'Source: ecg', 'Build: Synth', 'UpdatePipeline: SelfMutate', 'Assets: FileAssets',
    'ecg-pipeline: Before-ecg-pipeline, ecg-pipeline.Prepare, ecg-pipeline.Deploy, SmokeTest-ecg-pipeline',
  ]);
});

test('a second stage waits for an approval', () => {
  expect(order(approved.template).slice(4)).toEqual([
    'ecg-pipeline: Before-ecg-pipeline, ecg-pipeline.Prepare, ecg-pipeline.Deploy, SmokeTest-ecg-pipeline',
    'production: Approve-production, Before-production, live.Prepare, live.Deploy, SmokeTest-production',
  ]);
  const approval = action(approved.template, 'Approve-production');
  expect(approval.ActionTypeId).toMatchObject({ Category: 'Approval', Provider: 'Manual' });
  expect(approval.RunOrder).toBeLessThan(action(approved.template, 'Before-production').RunOrder);
  expect(action(approved.template, 'Before-production').RunOrder).toBeLessThan(action(approved.template, 'live.Deploy').RunOrder);
});

test('CodeCommit: a commit to the branch starts it', () => {
  expect(action(plain.template, 'ecg')).toMatchObject({
    ActionTypeId: { Provider: 'CodeCommit' }, Configuration: { RepositoryName: 'ecg', BranchName: 'main', PollForSourceChanges: false },
  });
  const [, rule] = one(plain.template, 'AWS::Events::Rule');
  expect(rule.Properties.EventPattern).toMatchObject({ source: ['aws.codecommit'], detail: { referenceName: ['main'] } });
});

test('a connection: so does a commit there, and only the pipeline may use it', () => {
  expect(action(github.template, 'us_group_ecg')).toMatchObject({
    ActionTypeId: { Provider: 'CodeStarSourceConnection' },
    Configuration: { ConnectionArn: CONNECTION, FullRepositoryId: 'us/group/ecg', BranchName: 'release' },
  });
  const [pipelineRole] = one(github.template, 'AWS::IAM::Role', ({ Properties }) =>
    Properties.AssumeRolePolicyDocument.Statement[0].Principal.Service === 'codepipeline.amazonaws.com');
  const users = Object.values(resources(github.template, 'AWS::IAM::Policy')).flatMap(({ Properties }) =>
    Properties.PolicyDocument.Statement.filter(({ Resource }: any) => Resource === CONNECTION)
      .map(({ Action }: any) => [Properties.Roles[0].Ref, [Action].flat().sort()]));
  expect(users).toEqual([[pipelineRole, ['codeconnections:UseConnection', 'codestar-connections:UseConnection']]]);
});

describe('the build', () => {
  const [, build] = one(plain.template, 'AWS::CodeBuild::Project', isBuild);
  const spec = JSON.parse(build.Properties.Source.BuildSpec);
  const commands: string[] = spec.phases.build.commands;

  test('tests before it builds, builds before it synthesises', () => {
    const at = ['tests/all.sh', 'infra/build-functions.sh', 'npm ci', 'cdk synth'].map((word) =>
      commands.findIndex((command) => command.includes(word)));
    expect(at).toEqual([...at].sort((one, other) => one - other));
    expect(at[0]).toBeGreaterThanOrEqual(0);
    expect(new Set(at).size).toBe(4);
    expect(spec.phases.post_build).toBeUndefined();
  });

  test('takes no program of the cache for one of this commit', () => {
    expect(commands[0]).toBe('find . -type f -exec touch {} +');
  });

  test('synthesises with the settings of the commit and the functions that it built', () => {
    expect(commands.filter((command) => command.includes('build-functions'))).toEqual(['bash infra/build-functions.sh arm64 "$CARGO_TARGET_DIR/lambda"']);
    expect(commands.filter((command) => command.startsWith('npx'))).toEqual(['npx cdk synth --quiet -c "lambdaDir=$CARGO_TARGET_DIR/lambda"']);
    expect(spec.artifacts).toEqual({ 'base-directory': 'infra/cdk.out', files: ['**/*'] });
  });

  test('has Node 22, Python 3.11 and time, and keeps what it can use again', () => {
    expect(spec.phases.install['runtime-versions']).toEqual({ nodejs: '22', python: '3.11' });
    expect(build.Properties.TimeoutInMinutes).toBe(120);
    const variables = Object.fromEntries(build.Properties.Environment.EnvironmentVariables.map(({ Name, Value }: any) => [Name, Value]));
    const target = `${variables.ECG_CACHE}/target`;
    expect(spec.cache.paths).toEqual([
      '/root/.cargo/registry/index/**/*', '/root/.cargo/registry/cache/**/*',
      ...['debug', 'release', 'aarch64-unknown-linux-gnu/release'].flatMap((profile) =>
        ['deps', 'build', '.fingerprint'].map((part) => `${target}/${profile}/${part}/**/*`)),
    ]);
    // What is left of the crates of this repository is removed before that, in both profiles.
    expect(commands.slice(-2)).toEqual([
      'cargo clean --workspace --quiet', 'cargo clean --workspace --quiet --release --target aarch64-unknown-linux-gnu',
    ]);
    expect(variables.CARGO_TARGET_DIR).toBe(`${variables.ECG_CACHE}/target`);
    expect(build.Properties.Cache.Type).toBe('S3');
    const [cacheId] = one(plain.template, 'AWS::S3::Bucket', (_, id) => id.startsWith('BuildCache'));
    expect(asText(build.Properties.Cache.Location)).toBe(`\${${cacheId}}/arm64`);
  });

  test.each([
    ['arm64', 'ARM_CONTAINER', 'aws/codebuild/amazonlinux-aarch64-standard:3.0'],
    ['x86_64', 'LINUX_CONTAINER', 'aws/codebuild/amazonlinux-x86_64-standard:5.0'],
  ])('runs on the processor of the functions: %s', (architecture, type, image) => {
    const [, { Properties }] = one(delivery({ architecture }).template, 'AWS::CodeBuild::Project', isBuild);
    expect(Properties.Environment).toMatchObject({ Type: type, Image: image, ComputeType: 'BUILD_GENERAL1_LARGE', PrivilegedMode: false });
    expect(Properties.Source.BuildSpec).toContain(`build-functions.sh ${architecture} `);
  });
});

test('the delivery replaces itself with the command line of package-lock.json', () => {
  const lock = JSON.parse(readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8'));
  const [, { Properties }] = one(plain.template, 'AWS::CodeBuild::Project', (_, id) => id.includes('SelfMutation'));
  const { phases } = JSON.parse(Properties.Source.BuildSpec);
  expect(phases.install.commands).toEqual([`npm install -g aws-cdk@${lock.packages['node_modules/aws-cdk'].version}`]);
  expect(phases.build.commands.join()).toMatch(/cdk -a \. deploy \S*Delivery /);
});

test('what publishes the functions has a version too', () => {
  const [, { Properties }] = one(plain.template, 'AWS::CodeBuild::Project', (_, id) => id.includes('FileAsset'));
  expect(readFileSync(join(plain.app.outdir, Properties.Source.BuildSpec), 'utf8')).toMatch(/npm install -g cdk-assets@\d+\.\d+\.\d+/);
});

test('a delivery deploys what a direct deploy does, under the same name', () => {
  const { stackName, ...delivered } = stageTemplate(plain.app, 'ecg-pipeline');
  expect(stackName).toBe('ecg-pipeline');
  expect(placeless(delivered)).toEqual(placeless(pipeline().template.toJSON()));
});

test('the second stage has its own settings, and else those of the first', () => {
  const { stackName, ...second } = stageTemplate(approved.app, 'production');
  expect(stackName).toBe('live');
  expect(placeless(second)).toEqual(placeless(pipeline({ ...LIVE, logDays: 365 }).template.toJSON()));
  expect(stageTemplate(approved.app, 'ecg-pipeline').stackName).toBe('ecg-pipeline');
});

describe.each([['Before-ecg-pipeline'], ['SmokeTest-ecg-pipeline']])('%s', (name) => {
  const [, project] = one(plain.template, 'AWS::CodeBuild::Project', (_, id) => id.includes(name.replaceAll('-', '')));
  const { phases } = JSON.parse(asText(project.Properties.Source.BuildSpec));

  test('works with the sources of the commit, in the role of the stage', () => {
    expect(action(plain.template, name).InputArtifacts[0]).toEqual(action(plain.template, 'ecg').OutputArtifacts[0]);
    const role = 'arn:${AWS::Partition}:iam::${AWS::AccountId}:role/ecg-pipeline-smoke-${AWS::Region}';
    expect(phases.install.commands.join('\n')).toContain('credential_source = EcsContainer');
    const rights = rightsOf(plain.template, name).filter((right) => right.startsWith('sts:'));
    expect(rights).toEqual([`sts:AssumeRole on ${role}`]);
    const variables = Object.fromEntries(project.Properties.Environment.EnvironmentVariables.map(({ Name, Value }: any) => [Name, Value]));
    expect(variables).toMatchObject({ STACK: 'ecg-pipeline', AWS_REGION: { Ref: 'AWS::Region' } });
    expect(variables).not.toHaveProperty('AWS_PROFILE');
  });
});

test('the smoke test knows what was live before, and whether it is deployed is not asked of it', () => {
  const before = action(plain.template, 'Before-ecg-pipeline');
  const after = action(plain.template, 'SmokeTest-ecg-pipeline');
  expect(after.InputArtifacts.map(({ Name }: any) => Name)).toContain(before.OutputArtifacts[0].Name);
  const deploy = action(plain.template, 'ecg-pipeline.Deploy').RunOrder;
  expect(before.RunOrder).toBeLessThan(deploy);
  expect(after.RunOrder).toBeGreaterThan(deploy);
  const commands = (name: string) => JSON.parse(asText(one(plain.template, 'AWS::CodeBuild::Project', (_, id) => id.includes(name))[1].Properties.Source.BuildSpec)).phases.build.commands;
  expect(commands('Beforeecgpipeline').at(-1)).toContain('bash infra/before-deployment.sh "$STACK" before/live.json');
  expect(commands('SmokeTestecgpipeline').slice(-2)).toEqual([
    'bash infra/smoke-test.sh "$STACK" before/live.json', 'bash infra/prune-versions.sh "$STACK"',
  ]);
});

test('a second stage can lie in another account and region', () => {
  const { app, template } = delivery({ secondStage: 'production' }, { account: '222222222222', region: 'eu-west-1' });
  const stages = app.node.findAll().filter((found): found is Stage => Stage.isStage(found) && found.node.id === 'production');
  expect(stages.map(({ account, region }) => [account, region])).toEqual([['222222222222', 'eu-west-1']]);
  const deployments = one(template, 'AWS::CodePipeline::Pipeline')[1].Properties.Stages.at(-1).Actions
    .filter(({ ActionTypeId }: any) => ActionTypeId.Category === 'Deploy');
  expect(deployments).toHaveLength(2);
  for (const { Region, RoleArn } of deployments) {
    expect(Region).toBe('eu-west-1');
    expect(JSON.stringify(RoleArn)).toContain(':role/cdk-hnb659fds-deploy-role-222222222222-eu-west-1');
  }
  // The role in that account lets the delivery in, which may take on that role and no other.
  const there = stageTemplate(app, 'production').Resources;
  const [role] = Object.values(there).filter(({ Properties }: any) => Properties?.RoleName === 'ecg-pipeline-smoke-eu-west-1') as any[];
  expect(asText(role.Properties.AssumeRolePolicyDocument.Statement[0].Principal.AWS)).toBe('arn:aws:iam::111111111111:root');
  expect(rightsOf(template, 'SmokeTest-production').filter((right) => right.startsWith('sts:')))
    .toEqual(['sts:AssumeRole on arn:aws:iam::222222222222:role/ecg-pipeline-smoke-eu-west-1']);
});

describe('the buckets', () => {
  test.each([['Artifacts', 30, 'aws:kms'], ['BuildCache', 14, 'AES256']])('%s is closed, encrypted, and empties itself', (name, days, algorithm) => {
    const [id, { Properties }] = one(plain.template, 'AWS::S3::Bucket', (_, found) => found.startsWith(name));
    expect(Object.values(Properties.PublicAccessBlockConfiguration)).toEqual([true, true, true, true]);
    expect(Properties.BucketEncryption.ServerSideEncryptionConfiguration[0].ServerSideEncryptionByDefault.SSEAlgorithm).toBe(algorithm);
    expect(Properties.LifecycleConfiguration.Rules).toEqual([
      expect.objectContaining({ ExpirationInDays: days, AbortIncompleteMultipartUpload: { DaysAfterInitiation: 2 } }),
    ]);
    const [, policy] = one(plain.template, 'AWS::S3::BucketPolicy', (found) => found.Properties.Bucket.Ref === id);
    expect(policy.Properties.PolicyDocument.Statement).toContainEqual(expect.objectContaining({
      Effect: 'Deny', Action: 's3:*', Condition: { Bool: { 'aws:SecureTransport': 'false' } },
    }));
  });

  test('the pipeline uses that of the artifacts', () => {
    const [id] = one(plain.template, 'AWS::S3::Bucket', (_, found) => found.startsWith('Artifacts'));
    expect(one(plain.template, 'AWS::CodePipeline::Pipeline')[1].Properties.ArtifactStore.Location).toEqual({ Ref: id });
  });
});

describe('notices', () => {
  const [topicId, topic] = one(plain.template, 'AWS::SNS::Topic');
  const [keyId, key] = one(plain.template, 'AWS::KMS::Key');

  test('say that a delivery failed, succeeded, or waits for approval', () => {
    const [, { Properties }] = one(plain.template, 'AWS::CodeStarNotifications::NotificationRule');
    expect(Properties.EventTypeIds.sort()).toEqual([
      'codepipeline-pipeline-manual-approval-needed',
      'codepipeline-pipeline-pipeline-execution-failed',
      'codepipeline-pipeline-pipeline-execution-succeeded',
    ]);
    expect(Properties.Targets).toEqual([{ TargetAddress: { Ref: topicId }, TargetType: 'SNS' }]);
    expect(asText(Properties.Resource)).toContain(`:${`\${${one(plain.template, 'AWS::CodePipeline::Pipeline')[0]}}`}`);
  });

  test('go over TLS only, from that service', () => {
    const [, { Properties }] = one(plain.template, 'AWS::SNS::TopicPolicy');
    expect(Properties.Topics).toEqual([{ Ref: topicId }]);
    const statements = Properties.PolicyDocument.Statement;
    expect(statements).toHaveLength(2);
    expect(statements).toContainEqual(expect.objectContaining({
      Effect: 'Allow', Action: 'sns:Publish', Principal: { Service: 'codestar-notifications.amazonaws.com' }, Resource: { Ref: topicId },
    }));
    expect(statements).toContainEqual(expect.objectContaining({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }));
  });

  test('are encrypted with a key that the service may use', () => {
    expect(topic.Properties.KmsMasterKeyId).toEqual({ 'Fn::GetAtt': [keyId, 'Arn'] });
    expect(key.Properties.EnableKeyRotation).toBe(true);
    expect(key.Properties.KeyPolicy.Statement).toContainEqual(expect.objectContaining({
      Effect: 'Allow', Action: ['kms:Decrypt', 'kms:GenerateDataKey*'], Principal: { Service: 'codestar-notifications.amazonaws.com' },
    }));
  });

  const told = ({ stack }: { stack: Stack }) => Annotations.fromStack(stack).findInfo('*', Match.stringLikeRegexp('deliverySlackChannelId'));

  test('go to Slack where it is set up; else synth says that nobody hears them', () => {
    expect(resources(plain.template, 'AWS::Chatbot::SlackChannelConfiguration')).toEqual({});
    expect(told(plain)).toHaveLength(1);

    const slack = delivery({ slackWorkspaceId: 'T1', deliverySlackChannelId: 'C1' });
    expect(told(slack)).toEqual([]);
    expect(one(slack.template, 'AWS::Chatbot::SlackChannelConfiguration')[1].Properties).toMatchObject({
      ConfigurationName: 'ecg-pipeline-delivery', SlackWorkspaceId: 'T1', SlackChannelId: 'C1',
      SnsTopicArns: [{ Ref: one(slack.template, 'AWS::SNS::Topic')[0] }],
    });
  });
});

test('two deliveries can stand in one account', () => {
  const text = JSON.stringify(delivery({ name: 'trial', database: 'trial' }).template.toJSON());
  expect(text).toContain('trial-delivery');
  expect([...text.matchAll(/"[^"]*ecg-pipeline[^"]*"/g)].map(([found]) => found).filter((found) =>
    !found.includes('(ecg-pipeline)') && !found.includes('/.cache/ecg-pipeline'))).toEqual([]);
});

test('GitHub runs the same test command', () => {
  const workflow = readFileSync(new URL('../../.github/workflows/test.yml', import.meta.url), 'utf8');
  expect([...workflow.matchAll(/^ +- run: (.+)$/gm)].map(([, command]) => command).at(-1)).toBe('tests/all.sh');
  expect(workflow).toMatch(/^permissions:\n  contents: read\n(?! )/m);
});

/** The rights of a step around a deployment. */
function rightsOf(template: Template, step: string): string[] {
  const [, policy] = one(template, 'AWS::IAM::Policy', (_, id) => id.includes(`${step.replaceAll('-', '')}RoleDefaultPolicy`));
  return policy.Properties.PolicyDocument.Statement.flatMap(({ Action, Resource }: any) =>
    [Action].flat().flatMap((found: string) => [Resource].flat().map((on: any) => `${found} on ${asText(on)}`)));
}

function isBuild(_: unknown, id: string): boolean {
  return id.includes('BuildSynth');
}
