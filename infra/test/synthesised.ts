// Stacks for tests, from stub functions: nothing here needs a Rust build, a network or an account.

import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { CopyStack } from '../lib/copy-stack.ts';
import { copyOf } from '../lib/copy.ts';
import { DataPipelineStack } from '../lib/data-pipeline-stack.ts';
import { DeliveryStack } from '../lib/delivery-stack.ts';
import { secondStageFrom } from '../lib/second-stage.ts';
import { settingsFrom } from '../lib/settings.ts';
import { STEPS } from '../lib/steps.ts';

export interface Resource {
  readonly Type: string;
  readonly Properties: Record<string, any>;
  readonly DependsOn?: string[];
  readonly DeletionPolicy?: string;
  readonly Metadata?: Record<string, unknown>;
}

/** The settings that the tests are written for. Whatever a deployment sets in `settings.json`, it has to pass the tests. */
export const SETTINGS = JSON.parse(readFileSync(new URL('settings.json', import.meta.url), 'utf8')) as Record<string, unknown>;

/** What they are with everything that a setting turns on. The emulator suite deploys it too. */
export const EVERYTHING = JSON.parse(readFileSync(new URL('everything.json', import.meta.url), 'utf8')) as Record<string, unknown>;

/** An app as the command line makes it, with those settings, some of them changed. */
export function appWith(changed: Record<string, unknown> = {}): App {
  const flags = JSON.parse(readFileSync(new URL('../cdk.json', import.meta.url), 'utf8')) as { context: object };
  return new App({
    outdir: mkdtempSync(join(tmpdir(), 'ecg-synth-')),
    context: { ...flags.context, ...SETTINGS, lambdaDir: stubs(), ...changed },
  });
}

/** The stack of the data pipeline and its template. With a crawler there is no compaction, unless a test says otherwise. */
export function pipeline(changed: Record<string, unknown> = {}) {
  const app = appWith({ ...(changed.crawler ? { compactAfterHours: 0 } : {}), ...changed });
  const stack = new DataPipelineStack(app, 'Pipeline', settingsFrom(app.node));
  return { app, stack, template: Template.fromStack(stack) };
}

let full: ReturnType<typeof pipeline> | undefined;

/** The same with everything that a setting turns on; made once. */
export function everything() {
  return full ??= pipeline(EVERYTHING);
}

/** The stack of the second copy of those settings, some of them changed. */
export function copyStack(changed: Record<string, unknown> = {}) {
  const app = appWith({ ...EVERYTHING, ...changed });
  const settings = settingsFrom(app.node);
  const stack = new CopyStack(app, settings, copyOf(settings)!);
  return { app, stack, template: Template.fromStack(stack) };
}

/** The stack of the delivery, its template and those of its stages; `second` is what the file of the second stage says. */
export function delivery(changed: Record<string, unknown> = {}, second: Record<string, unknown> = {}) {
  const app = appWith({ repository: 'ecg', ...changed });
  const folder = pathToFileURL(`${mkdtempSync(join(tmpdir(), 'ecg-settings-'))}/`);
  writeFileSync(new URL('settings.production.json', folder), JSON.stringify(second));
  const here = { account: '111111111111', region: 'eu-central-1' };
  const secondStage = secondStageFrom(app.node, here, folder);
  const stack = new DeliveryStack(app, 'Delivery', settingsFrom(app.node), { secondStage, env: secondStage?.env && here });
  return { app, stack, template: Template.fromStack(stack) };
}

/** The resources of a type by logical id. */
export function resources(template: Template, type: string): Record<string, Resource> {
  return template.findResources(type) as Record<string, Resource>;
}

/** The one resource of a type whose logical id or properties fit. */
export function one(template: Template, type: string, fits: (resource: Resource, id: string) => boolean = () => true): [string, Resource] {
  const found = Object.entries(resources(template, type)).filter(([id, resource]) => fits(resource, id));
  if (found.length !== 1) {
    throw new Error(`${type}: expected one, found ${found.map(([id]) => id).join(', ') || 'none'}`);
  }
  return found[0]!;
}

/** What a resource has to wait for, itself or through others. */
export function before(
  template: Template, id: string, all = template.toJSON().Resources as Record<string, Resource>, seen = new Set<string>(),
): Set<string> {
  const text = JSON.stringify(all[id]);
  const named = [
    ...[all[id]?.DependsOn ?? []].flat(),
    ...[...text.matchAll(/"Ref":"(\w+)"/g)].map(([, ref]) => ref!),
    ...[...text.matchAll(/"Fn::GetAtt":\["(\w+)"/g)].map(([, ref]) => ref!),
  ];
  for (const next of named.filter((name) => name in all && !seen.has(name))) {
    seen.add(next);
    before(template, next, all, seen);
  }
  return seen;
}

/** A value of a template as text: `${Id.Attribute}` for what only the deployment knows. */
export function asText(value: any): string {
  if (typeof value === 'string') {
    return value;
  }
  if (value?.Ref) {
    return `\${${value.Ref}}`;
  }
  if (value?.['Fn::GetAtt']) {
    return `\${${value['Fn::GetAtt'].join('.')}}`;
  }
  if (value?.['Fn::Join']) {
    return value['Fn::Join'][1].map(asText).join(value['Fn::Join'][0]);
  }
  throw new Error(`no text for ${JSON.stringify(value)}`);
}

export interface Statement {
  readonly effect: string;
  readonly actions: string[];
  /** Without the marks that CDK adds to names, and without account, region and partition: `glue database/ecg`, `${BucketsRaw.Arn}/*`. */
  readonly resources: string[];
  readonly conditions?: Record<string, Record<string, unknown>>;
}

/** The statements of a policy, in a form that can be read. */
export function statementsOf(policy: Resource): Statement[] {
  return policy.Properties.PolicyDocument.Statement.map(({ Effect, Action, Resource, Condition }: any) => ({
    effect: Effect,
    actions: [Action].flat(),
    resources: [Resource].flat().map((resource: any) => readable(asText(resource))),
    ...(Condition && { conditions: Condition }),
  }));
}

function readable(text: string): string {
  return text.replaceAll(/([A-Za-z])[0-9A-F]{8}(?=[.}])/g, '$1')
    .replace(/^arn:\$\{AWS::Partition\}:([a-z0-9]+):(?:\$\{AWS::Region\})?:(?:\$\{AWS::AccountId\})?:/, '$1 ');
}

/** `action on resource` for each right of the role of a construct, named by its path. */
export function rightsOf(template: Template, path: string): string[] {
  const [, policy] = one(template, 'AWS::IAM::Policy', (_, id) => id.startsWith(`${path}RoleDefaultPolicy`));
  return policy.Properties.PolicyDocument.Statement.flatMap((statement: any) =>
    [statement.Action].flat().flatMap((action: string) => [statement.Resource].flat().map((resource: any) => `${action} on ${asText(resource)}`)));
}

let folder: string | undefined;

function stubs(): string {
  if (folder === undefined) {
    folder = mkdtempSync(join(tmpdir(), 'ecg-stubs-'));
    for (const step of STEPS) {
      mkdirSync(join(folder, step));
      writeFileSync(join(folder, step, 'bootstrap'), `#!/bin/sh\n# ${step}\n`, { mode: 0o755 });
    }
  }
  return folder;
}
