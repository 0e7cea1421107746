// deploy.sh on a machine that is made of stubs: it looks at what is there, and with --dry-run it only says what it would do.

import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { STEPS } from '../lib/steps.ts';
import { SETTINGS } from './synthesised.ts';

/** What the stubbed tools answer; nothing else of them is asked. */
const TOOLS: Record<string, string> = {
  npm: 'exit 9',
  npx: 'exit 9',
  cargo: 'exit 9',
  cc: 'exit 9',
  python3: 'exit 0',
  aws: 'case "$1 $2" in "sts get-caller-identity") echo 111111111111 ;; "configure get") echo eu-central-1 ;; *) exit 9 ;; esac',
};

interface Machine {
  readonly without?: string;
  readonly tools?: Record<string, string>;
  readonly settings?: Record<string, unknown>;
  readonly arguments?: string[];
  /** Nothing but the stubs can be reached in earnest either. */
  readonly dry?: boolean;
  /** A script of this folder that fails. */
  readonly failing?: string;
}

function deploy({ without, tools = {}, settings = {}, arguments: given = [], dry = true, failing }: Machine) {
  const root = mkdtempSync(join(tmpdir(), 'ecg-deploy-'));
  const bin = join(root, 'bin');
  mkdirSync(bin);
  for (const [name, script] of Object.entries({ ...TOOLS, ...tools })) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
  if (tools.node === undefined) {
    symlinkSync(process.execPath, join(bin, 'node'));
  }
  for (const name of ['bash', 'dirname', 'mkdir', 'mktemp', 'rm', 'sh']) {
    const found = spawnSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).stdout.trim();
    symlinkSync(found, join(bin, name));
  }
  if (without !== undefined) {
    rmSync(join(bin, without));
  }
  const infra = join(root, 'infra');
  mkdirSync(infra);
  copyFileSync(fileURLToPath(new URL('../deploy.sh', import.meta.url)), join(infra, 'deploy.sh'));
  mkdirSync(join(root, 'functions'));
  for (const name of ['names.sh', 'steps.json']) {
    copyFileSync(fileURLToPath(new URL(`../../functions/${name}`, import.meta.url)), join(root, 'functions', name));
  }
  for (const name of ['build-functions', 'before-deployment', 'smoke-test', 'prune-versions']) {
    writeFileSync(join(infra, `${name}.sh`), `#!/bin/sh\n${name === failing ? 'exit 6' : ''}\n`, { mode: 0o755 });
  }
  writeFileSync(join(infra, 'quotas.sh'), '#!/bin/sh\necho quotas\n', { mode: 0o755 });
  writeFileSync(join(infra, 'settings.json'), JSON.stringify({ ...SETTINGS, ...settings }));
  const done = spawnSync(join(bin, 'bash'), [join(infra, 'deploy.sh'), ...(dry ? ['--dry-run'] : []), ...given], {
    encoding: 'utf8', env: { PATH: bin, TMPDIR: root }, cwd: '/',
  });
  rmSync(root, { recursive: true });
  const commands = done.stdout.split('\n').filter((line) => line.startsWith('+ ')).map((line) => line.slice(2).replaceAll(root, 'ROOT'));
  return { ...done, commands };
}

test('the data pipeline: functions, packages, bootstrap, deploy', () => {
  const { commands, stderr, status, stdout } = deploy({});
  expect(stderr).toBe('');
  expect(status).toBe(0);
  expect(commands).toEqual([
    'infra/build-functions.sh arm64 ROOT/target/lambda',
    'npm ci --prefix infra --no-audit --no-fund',
    'npx --no-install cdk bootstrap aws://111111111111/eu-central-1',
    expect.stringMatching(/^infra\/before-deployment.sh ecg-pipeline ROOT\/tmp\.\w+\/before.json$/),
    expect.stringMatching(/^npx --no-install cdk deploy ecg-pipeline --require-approval never .* -c lambdaDir=ROOT\/target\/lambda$/),
    expect.stringMatching(/^infra\/smoke-test.sh ecg-pipeline ROOT\/tmp\.\w+\/before.json$/),
    'infra/prune-versions.sh ecg-pipeline',
  ]);
  const [quotas, build] = ['quotas\n', '+ infra/build-functions.sh'].map((text) => stdout.indexOf(text)) as [number, number];
  expect(quotas).toBeGreaterThanOrEqual(0);
  expect(quotas).toBeLessThan(build);
  expect(stdout).toContain('aws s3 cp --recursive testdata/recordings/header s3://<RawBucketName>/header/');
});

test('what is bootstrapped already is not bootstrapped again', () => {
  const aws = TOOLS.aws!.replace('*) exit 9', '"ssm get-parameter") [ "$4" = /cdk-bootstrap/hnb659fds/version ] && echo 30 || exit 9 ;; *) exit 9');
  const { commands, stderr, status } = deploy({ tools: { aws } });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  expect(commands.map((command) => command.split(' ').slice(0, 4).join(' '))).toEqual([
    'infra/build-functions.sh arm64 ROOT/target/lambda', 'npm ci --prefix infra', expect.stringMatching(/^infra\/before-deployment.sh /),
    'npx --no-install cdk deploy', expect.stringMatching(/^infra\/smoke-test.sh /), 'infra/prune-versions.sh ecg-pipeline',
  ]);
});

test('the settings count', () => {
  const { commands } = deploy({ settings: { name: 'trial', architecture: 'x86_64', lambdaDir: '../built' } });
  expect(commands[0]).toBe('infra/build-functions.sh x86_64 ROOT/built');
  expect(commands.filter((command) => command.includes('cdk deploy trial '))).toHaveLength(1);
  expect(commands.at(-1)).toBe('infra/prune-versions.sh trial');
});

test('the delivery: nothing is built here, so neither Rust nor Python is needed', () => {
  for (const without of ['cargo', 'cc', 'python3']) {
    const { commands, stderr, stdout } = deploy({ without, settings: { repository: 'ecg', branch: 'live' }, arguments: ['delivery'] });
    expect(stderr).toBe('');
    expect(commands).toEqual([
      'npm ci --prefix infra --no-audit --no-fund',
      'npx --no-install cdk bootstrap aws://111111111111/eu-central-1',
      expect.stringMatching(/^npx --no-install cdk deploy ecg-pipeline-delivery .* -c lambdaDir=ROOT\/tmp\.\w+\/lambda$/),
    ]);
    expect(stdout).toContain('from branch live of ecg');
  }
});

describe('in earnest', () => {
  // `cdk deploy` leaves the outputs in the file that follows `--outputs-file`, and finds the functions' files there.
  const npx = 'case "$3" in bootstrap) ;; deploy) while [ "$1" != --outputs-file ]; do shift; done; '
    + 'echo "{\\"ecg-pipeline\\":{\\"RawBucketName\\":\\"raw-1\\",\\"StateMachineArn\\":\\"arn-1\\"},\\"ecg-pipeline-delivery\\":{\\"PipelineName\\":\\"pipe-1\\"}}" >"$2"; '
    + 'case "$4" in */tmp.*/lambda) [ -f "${4#lambdaDir=}/notify/bootstrap" ] || exit 8 ;; esac ;; *) exit 9 ;; esac';

  test('it says what to type next, with the outputs', () => {
    const { stdout, stderr, status } = deploy({ dry: false, tools: { npm: 'exit 0', npx } });
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(stdout).toContain('s3://raw-1/header/');
    expect(stdout).toContain('--state-machine-arn arn-1 ');
  });

  test('the delivery has files that stand in for functions', () => {
    const { stdout, stderr, status } = deploy({ dry: false, tools: { npm: 'exit 0', npx }, settings: { repository: 'ecg' }, arguments: ['delivery'] });
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(stdout).toContain('--pipeline-name pipe-1');
  });

  test('a smoke test that fails is what it ends with, and nothing is pruned', () => {
    const { commands, status, stdout } = deploy({ dry: false, tools: { npm: 'exit 0', npx }, failing: 'smoke-test' });
    expect(status).toBe(6);
    expect(commands.at(-1)).toMatch(/^infra\/smoke-test.sh /);
    expect(stdout).not.toContain('After that');
  });

  test('it stops at the first command that fails', () => {
    const { commands, status } = deploy({ dry: false, tools: { npm: 'exit 7', npx } });
    expect(status).toBe(7);
    expect(commands.map((command) => command.split(' ')[0])).toEqual(['infra/build-functions.sh', 'npm']);
  });
});

describe.each([
  ['Rust', { without: 'cargo' }],
  ['C compiler', { without: 'cc' }],
  ['Node', { without: 'node' }],
  ['Node', { tools: { node: '[ "$1" = --version ] && echo v18.20.0' } }],
  ['npm', { without: 'npm' }],
  ['Python', { without: 'python3' }],
  ['Python', { tools: { python3: 'exit 1' } }],
  ['AWS command line', { without: 'aws' }],
  ['AWS credentials', { tools: { aws: 'exit 255' } }],
  ['AWS region', { tools: { aws: '[ "$1" = sts ] && echo 111111111111' } }],
  ['setting repository', { arguments: ['delivery'] }],
] as [string, Machine][])('without %s: %j', (what, machine) => {
  test('it says so and does nothing', () => {
    const { stderr, status, commands } = deploy(machine);
    expect(stderr).toMatch(new RegExp(`^error: ${what}: expected .*, found .*\n$`));
    expect(status).toBe(1);
    expect(commands).toEqual([]);
  });
});

test('an unknown word is refused', () => {
  expect(deploy({ arguments: ['production'] })).toMatchObject({
    status: 2, stderr: 'error: expected delivery or --dry-run, found production\n',
  });
});

const script = (name: string) => fileURLToPath(new URL(`../${name}`, import.meta.url));

/** A machine of that processor on which everything is installed, and whose cargo leaves bootstraps that say `said`. */
function build(processor: string, { cpu, said, qemu = false }: { cpu: string; said: string; qemu?: boolean }) {
  const root = mkdtempSync(join(tmpdir(), 'ecg-build-'));
  const [, version, zig] = /^version=(.+) zig=(.+)$/m.exec(readFileSync(script('build-functions.sh'), 'utf8'))!;
  const bin = join(root, `cargo-lambda-${version}-zig-${zig}`, 'bin');
  mkdirSync(bin, { recursive: true });
  const tool = (name: string, text: string) => writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  const note = (name: string) => `echo "${name} $*" >>"${root}/said"`;
  tool('cargo-lambda', note('not called'));
  tool('rustup', note('rustup'));
  tool('uname', `[ "$1" = -s ] && echo Linux || echo ${cpu}`);
  // As if the standard library of no target were installed.
  tool('rustc', `echo ${root}`);
  tool('cargo', `${note('cargo')}
while [ "$1" != --lambda-dir ]; do shift; done; folder=$2; while [ "$1" != -p ]; do shift; done; step=\${2#step-}
mkdir -p "$folder/$step"; printf '#!/bin/sh\\necho "%s" >&2; exit 1\\n' '${said}' >"$folder/$step/bootstrap"; chmod +x "$folder/$step/bootstrap"`);
  if (qemu) {
    tool('qemu-aarch64', `${note('qemu')}\nexec "$@"`);
  }
  const done = spawnSync('bash', [script('build-functions.sh'), processor, join(root, 'out')], {
    encoding: 'utf8', env: { ...process.env, ECG_CACHE: root, CARGO_TARGET_DIR: join(root, 'target'), QEMU_LD_PREFIX: root },
  });
  const told = readFileSync(join(root, 'said'), 'utf8').trim().split('\n').map((line) => line.replaceAll(root, 'ROOT'));
  rmSync(root, { recursive: true });
  return { ...done, told };
}

const STARTED = 'is a Lambda: expected its runtime at AWS_LAMBDA_RUNTIME_API';

test.each([['arm64', '--arm64', 'aarch64'], ['x86_64', '--x86-64', 'x86_64']])('the functions are built one by one for %s, and started', (processor, flag, cpu) => {
  const { told, status, stderr, stdout } = build(processor, { cpu, said: STARTED });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  expect(told).toEqual([
    `rustup target add ${cpu}-unknown-linux-gnu`,
    ...STEPS.map((step) => `cargo lambda build --release ${flag} --lambda-dir ROOT/out -p step-${step} --features lambda`),
  ]);
  expect(stdout).toContain(`started: ${STEPS.join(' ')}`);
});

test('a function that does not come as far as the runtime stops the build', () => {
  const { status, stderr } = build('arm64', { cpu: 'aarch64', said: 'libc.so.6: version GLIBC_2.38 not found' });
  expect(status).toBe(1);
  expect(stderr).toMatch(/^error: catalog\/bootstrap: expected a program for arm64 .*, found libc.so.6: version GLIBC_2.38 not found\n$/);
});

test('for another processor they are started under qemu', () => {
  const { told, status, stdout } = build('arm64', { cpu: 'x86_64', said: STARTED, qemu: true });
  expect(status).toBe(0);
  expect(told.filter((line) => line.startsWith('qemu'))).toEqual(STEPS.map((step) => `qemu ROOT/out/${step}/bootstrap`));
  expect(stdout).toContain('started: ');
});

test('where there is no qemu, it says that they were not started', () => {
  const { status, stdout } = build('x86_64', { cpu: 'riscv64', said: STARTED });
  expect(status).toBe(0);
  expect(stdout).toMatch(/not started: .* another processor than x86_64.*qemu-user-static and libc6-amd64-cross/);
  expect(stdout).not.toContain('started: s');
});
