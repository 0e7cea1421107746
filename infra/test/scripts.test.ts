// The scripts around a deployment, on a command line of AWS that answers what a test says. What it is asked is compared as text,
// so that these tests prove the decisions of the scripts and not that AWS understands the questions. For that they were run on the emulator.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { STEPS } from '../lib/steps.ts';

const MACHINE = 'arn:aws:states:eu-central-1:111111111111:stateMachine:ecg-pipeline';
const OUTPUTS = Object.entries({
  StateMachineArn: MACHINE, StateMachineAliasArn: `${MACHINE}:live`, StateMachineVersionArn: `${MACHINE}:4`,
  NetStateMachineArn: `${MACHINE}-net`, BackfillStateMachineArn: `${MACHINE}-backfill`,
  RawBucketName: 'raw', WorkBucketName: 'work', ProcessedBucketName: 'processed', WorkgroupName: 'ecg-pipeline', DatabaseName: 'ecg',
}).map((pair) => pair.join('\t')).join('\n');

interface Answer {
  /** What is asked, from `service operation` on. */
  readonly asked: string | RegExp;
  readonly text?: string;
  readonly fails?: string;
  /** What goes into the file that is named last. */
  readonly writes?: string;
}

function run(name: string, given: string[], answers: Answer[], environment: Record<string, string> = {}) {
  const root = mkdtempSync(join(tmpdir(), 'ecg-script-'));
  const stub = `#!${process.execPath}
const { appendFileSync, writeFileSync } = require('node:fs');
const asked = process.argv.slice(2).join(' ');
appendFileSync(${JSON.stringify(join(root, 'asked'))}, asked + '\\n');
const answers = ${JSON.stringify(answers.map(({ asked, ...rest }) => ({ ...rest, asked: typeof asked === 'string' ? `^${asked.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}` : asked.source })))};
const found = answers.find((answer) => new RegExp(answer.asked).test(asked));
if (!found) { console.error('not expected: ' + asked); process.exit(97); }
if (found.fails) { console.error(found.fails); process.exit(254); }
if (found.writes) { writeFileSync(process.argv.at(-1), found.writes); }
console.log(found.text ?? '');
`;
  writeFileSync(join(root, 'aws'), stub, { mode: 0o755 });
  writeFileSync(join(root, 'asked'), '');
  const done = spawnSync('bash', [fileURLToPath(new URL(`../${name}`, import.meta.url)), ...given.map((text) => text.replace('ROOT', root))], {
    encoding: 'utf8', env: { ...process.env, PATH: `${root}:${process.env.PATH}`, ...environment },
  });
  const asked = readFileSync(join(root, 'asked'), 'utf8').trim().split('\n');
  const file = (path: string) => readFileSync(join(root, path), 'utf8');
  const written = given.includes('ROOT/before.json') ? file('before.json') : '';
  rmSync(root, { recursive: true });
  return { ...done, asked, written };
}

const stack = (status = 'UPDATE_COMPLETE', outputs = OUTPUTS): Answer[] => [
  { asked: /describe-stacks .*StackStatus/, text: status },
  { asked: /describe-stacks .*Outputs/, text: outputs },
];
const ROUTING = JSON.stringify([{ stateMachineVersionArn: `${MACHINE}:3`, weight: 100 }]);

describe('before-deployment.sh', () => {
  const before = (answers: Answer[]) => run('before-deployment.sh', ['ecg-pipeline', 'ROOT/before.json'], answers);
  const alias: Answer = { asked: `stepfunctions describe-state-machine-alias --state-machine-alias-arn ${MACHINE}:live`, text: ROUTING };

  test('writes which version is live, and publishes nothing', () => {
    const { status, written, asked } = before([...stack(), alias]);
    expect(status).toBe(0);
    expect(JSON.parse(written)).toEqual(JSON.parse(ROUTING));
    expect(asked.filter((line) => line.startsWith('lambda'))).toEqual([]);
  });

  test('before a first deployment there is none', () => {
    const { status, written, stdout } = before([
      { asked: 'cloudformation', fails: 'An error occurred (ValidationError) when calling the DescribeStacks operation: Stack with id ecg-pipeline does not exist' },
    ]);
    expect(status).toBe(0);
    expect(written).toBe('');
    expect(stdout).toContain('for the first time');
  });

  test('nor is there one in a stack from before there was an alias', () => {
    const { status, written } = before(stack('UPDATE_COMPLETE', `StateMachineArn\t${MACHINE}`));
    expect([status, written]).toEqual([0, '']);
  });

  test('without the right to look it is no first deployment', () => {
    const { status, stderr } = before([{ asked: 'cloudformation', fails: 'An error occurred (AccessDenied)' }]);
    expect(status).toBe(1);
    expect(stderr).toContain('AccessDenied');
  });

  test('after a rollback every function gets its version back as the newest', () => {
    const { status, asked } = before([...stack('UPDATE_ROLLBACK_COMPLETE'), alias, { asked: 'lambda publish-version', text: 'arn' }]);
    expect(status).toBe(0);
    expect(asked.filter((line) => line.startsWith('lambda')).map((line) => line.split(' ').slice(1, 4).join(' ')))
      .toEqual(STEPS.map((step) => `publish-version --function-name ecg-pipeline-${step}`));
  });

  test('but for one that the stack does not have again', () => {
    const again = (said: string) => before([
      ...stack('UPDATE_ROLLBACK_COMPLETE'), alias, { asked: 'lambda publish-version --function-name ecg-pipeline-catalog', fails: said },
      { asked: 'lambda publish-version', text: 'arn' },
    ]);
    for (const said of ['ResourceNotFoundException', 'AccessDeniedException']) {
      const { status, asked } = again(`An error occurred (${said}) when calling the PublishVersion operation`);
      expect([status, asked.filter((line) => line.startsWith('lambda')).length]).toEqual([0, STEPS.length]);
    }
    expect(again('An error occurred (ServiceException)').status).toBe(1);
  });
});

describe('smoke-test.sh', () => {
  const denied = { asked: 's3api put-object', fails: 'An error occurred (AccessDenied)' };
  const alias = (version: number): Answer => ({ asked: 'stepfunctions describe-state-machine-alias', text: `${MACHINE}:${version}\t100` });
  const rest: Answer[] = [{ asked: 's3api list-object-versions', text: '' }, { asked: 'stepfunctions update-state-machine-alias', text: '' }];
  const moves = (asked: string[]) => asked.filter((line) => line.includes('update-state-machine-alias')).map((line) => line.split('--routing-configuration ')[1]);
  const test_ = (answers: Answer[], written: string) => {
    const folder = mkdtempSync(join(tmpdir(), 'ecg-before-'));
    writeFileSync(join(folder, 'live.json'), written);
    return { ...run('smoke-test.sh', ['ecg-pipeline', join(folder, 'live.json')], answers, { SMOKE_TEST_SECONDS: '1' }), before: join(folder, 'live.json') };
  };

  test('a failure points the alias back and is told', () => {
    const { status, stdout, stderr, asked, before } = test_([...stack(), alias(4), denied, ...rest], ROUTING);
    expect(status).not.toBe(0);
    expect(moves(asked)).toEqual([`file://${before}`]);
    expect(stderr).toContain('AccessDenied');
    expect(stderr).toContain(`new executions take the version before again: ${MACHINE}:3 (100 %)`);
    expect(stdout).toMatch(/uploading smoke-test\/\d+-\d+\/1 NSR\/900m \(0\).mat/);
  });

  test('without a version before, or with the same, there is none to go back to', () => {
    for (const written of ['', ROUTING.replace(':3"', ':4"')]) {
      const { status, stderr, asked } = test_([...stack(), alias(4), denied, ...rest], written);
      expect(status).not.toBe(0);
      expect(moves(asked)).toEqual([]);
      expect(stderr).toMatch(/go back to/);
    }
  });

  test('what an earlier failure pointed back is tried again', () => {
    const { asked, before } = test_([...stack(), alias(3), denied, ...rest], ROUTING);
    expect(moves(asked)).toEqual([`stateMachineVersionArn=${MACHINE}:4,weight=100`, `file://${before}`]);
  });

  const head = JSON.stringify({ ETag: '"e"', VersionId: 'v', ContentLength: 7224, LastModified: 'Thu, 26 Nov 2026 03:00:00 GMT' });
  const uploaded: Answer[] = [
    ...stack(), alias(4), { asked: 's3api put-object', text: 'v' }, { asked: 's3api head-object', text: head },
  ];

  test('an execution that fails is told with its error and the next command, and its rows are looked for', () => {
    const execution = { status: 'FAILED', error: 'Internal', cause: 'a bug', input: JSON.stringify({ source: { uploaded_at_ms: Date.UTC(2026, 10, 26) } }) };
    const { status, stderr, asked } = test_([
      ...uploaded, { asked: 'lambda invoke --function-name ecg-pipeline-start', writes: '{"name": "smoke-test-1"}' },
      { asked: `stepfunctions describe-execution --execution-arn ${MACHINE.replace(':stateMachine:', ':execution:')}:smoke-test-1`, text: JSON.stringify(execution) },
      { asked: 's3api list-object-versions --bucket processed --prefix rejections/', text: 'rejections/a b.parquet\tv1\nrejections/a b.parquet\tv2' },
      { asked: 's3api delete-object', text: '' }, ...rest,
    ], ROUTING);
    expect(status).toBe(1);
    expect(stderr).toContain('error: execution of the upload: expected SUCCEEDED, found FAILED: Internal: a bug');
    expect(stderr).toContain('next: ecg show smoke-test-1 --aws --state-machine ecg-pipeline');
    expect(asked.filter((line) => line.includes('list-object-versions')).map((line) => line.split(' --query')[0]!.replace(/^.*--bucket /, ''))).toEqual([
      expect.stringMatching(/^raw --prefix smoke-test\/\d+-\d+\/$/),
      ...['recordings', 'segments', 'beats', 'windows', 'rejections'].map((table) => `processed --prefix ${table}/dt=2026-11-26/smoke-test-1.parquet`),
      'work --prefix smoke-test-1/',
    ]);
    expect(asked.filter((line) => line.includes('delete-object'))).toEqual(
      ['v1', 'v2'].map((version) => `s3api delete-object --bucket processed --key rejections/a b.parquet --version-id ${version}`));
  });

  test('start that is throttled is asked again until the time is over', () => {
    const { status, stderr, asked } = test_([...uploaded, { asked: 'lambda invoke', fails: 'TooManyRequestsException' }, ...rest], ROUTING);
    expect(status).toBe(1);
    expect(asked.filter((line) => line.startsWith('lambda')).length).toBeGreaterThanOrEqual(1);
    expect(stderr).toContain('error: function start: expected an answer within 1 s, found TooManyRequestsException');
    expect(stderr).toContain('next: aws logs tail /aws/lambda/ecg-pipeline-start');
  });

  test('what cannot be removed is an error of its own', () => {
    const { status, stderr } = test_([...stack(), alias(4), denied, { asked: 's3api list-object-versions', fails: 'SlowDown' }, ...rest], ROUTING);
    expect(status).not.toBe(0);
    expect(stderr).toMatch(/not everything of smoke-test\/.* could be removed/);
  });

  test('its recording id begins with what the role may remove', () => {
    const text = readFileSync(fileURLToPath(new URL('../smoke-test.sh', import.meta.url)), 'utf8');
    const fixture = /^fixture='(.+)\.mat'$/m.exec(text)![1]!;
    // The id has the last 47 characters of the key, folded (shared/core/src/id.rs).
    expect(`smoke-test/1795664265-32767/${fixture}`.replaceAll(/[^0-9A-Za-z_]+/g, '-').length).toBeLessThanOrEqual(47);
  });
});

describe('prune-versions.sh', () => {
  const ago = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString();
  const definition = (...versions: string[]) => JSON.stringify(versions.map((version) => `arn:aws:lambda:eu-central-1:111111111111:function:${version}`));

  function removed(machines: [number, string, string][], functions: string, definitions: Record<string, string>): string[] {
    const { status, stderr, asked } = run('prune-versions.sh', ['ecg-pipeline'], [
      ...stack(),
      { asked: 'stepfunctions describe-state-machine-alias', text: `${MACHINE}:2\t${MACHINE}:4` },
      ...Object.entries(definitions).map(([arn, text]) => ({ asked: `stepfunctions describe-state-machine --state-machine-arn ${MACHINE}${arn} `, text })),
      { asked: 'stepfunctions describe-state-machine --', text: '[]' },
      { asked: 'stepfunctions list-state-machine-versions', text: machines.map(([number, created]) => `${MACHINE}:${number}\t${created}`).join('\n') },
      ...machines.map(([number, , last]) => ({ asked: `stepfunctions list-executions --state-machine-arn ${MACHINE}:${number} `, text: last })),
      { asked: 'lambda list-versions-by-function --function-name ecg-pipeline-write ', text: functions },
      { asked: 'lambda list-versions-by-function', text: '' },
      { asked: 'stepfunctions delete-state-machine-version', text: '' },
      { asked: 'lambda delete-function', text: '' },
    ]);
    expect(stderr).toBe('');
    expect(status).toBe(0);
    return asked.filter((line) => line.includes(' delete-')).map((line) => line.replace(/^\w+ delete-\S+ --\S+ /, '').replace(MACHINE, ''));
  }

  test('a version of the workflow goes 22 days after its last execution', () => {
    expect(removed([
      [8, ago(1), 'None'], [7, ago(30), ago(21)], [6, ago(60), ago(23)], [5, ago(30), 'None'],
      // As seconds, which is how the first version of the command line writes it.
      [1, String(Date.now() / 1000 - 30 * 86_400), String(Date.now() / 1000 - 23 * 86_400)],
    ], '', {})).toEqual([':6', ':5', ':1']);
  });

  test('the deployed one and the live ones stay, however old', () => {
    expect(removed([[4, ago(90), ago(90)], [3, ago(90), ago(90)], [2, ago(90), ago(90)]], '', {})).toEqual([':3']);
  });

  test('a version of a function goes 22 days after the next one came, unless a definition names it', () => {
    const functions = [1, 2, 3, 10, 11].map((version) => `${version}\t${version === 11 ? ago(21) : ago(60 - version)}`).join('\n');
    expect(removed([], functions, {})).toEqual([1, 2, 3].map((version) => `ecg-pipeline-write --qualifier ${version}`));
    expect(removed([[7, ago(30), ago(3)]], functions, { ':7': definition('ecg-pipeline-write:2'), '-net': definition('ecg-pipeline-write:1') }))
      .toEqual(['ecg-pipeline-write --qualifier 3']);
  });
});

describe('quotas.sh', () => {
  const account = (limits: string): Answer => ({ asked: 'lambda get-account-settings', text: limits });
  const none: Answer = { asked: 'service-quotas', fails: 'AccessDeniedException' };

  test.each([
    ['eu-central-1', '10\t10', 'about 10 recordings', 'about 150 recordings', true],
    ['eu-west-1', '1000\t900', 'about 900 recordings', 'about 300 recordings', false],
  ])('%s with %j: what is possible, and how to ask for more', (region, limits, lambda, states, small) => {
    const { status, stdout } = run('quotas.sh', [], [account(limits), none], { AWS_REGION: region });
    expect(status).toBe(0);
    expect(stdout).toContain(lambda);
    expect(stdout).toContain(states);
    expect(stdout.includes('--quota-code L-B99A9384')).toBe(small);
    expect(stdout).toContain('could not be read (servicequotas:ListServiceQuotas)');
  });

  test('what Service Quotas says is shown with its code', () => {
    const { stdout } = run('quotas.sh', [], [account('10\t10'), { asked: 'service-quotas', text: '500.0\tL-ABC\tStartExecution refill' }], { AWS_REGION: 'eu-central-1' });
    expect(stdout).toContain('500.0 StartExecution refill (L-ABC)');
  });

  test('without the rights to look it says so and goes on', () => {
    const { status, stdout } = run('quotas.sh', [], [{ asked: /./, fails: 'AccessDeniedException' }], { AWS_REGION: 'eu-central-1' });
    expect(status).toBe(0);
    expect(stdout).toContain('could not be read (lambda:GetAccountSettings)');
  });
});
