// The stage behind the approval: its settings are those of `settings.json`, but for what `settings.<name>.json` says.

import { existsSync, readFileSync } from 'node:fs';
import type { Environment } from 'aws-cdk-lib';
import type { Node } from 'constructs';
import { settingsFile, settingsFrom, wrong, type Settings } from './settings.ts';

export interface SecondStage {
  readonly name: string;
  readonly settings: Settings;
  /** Account and region where the file names one of them; else those of the delivery. */
  readonly env?: Required<Environment>;
}

/** What the delivery as a whole is made of: the build is one, and so is the source. */
const OF_THE_DELIVERY = [
  'architecture', 'lambdaDir', 'repository', 'connectionArn', 'branch', 'secondStage', 'slackWorkspaceId', 'deliverySlackChannelId',
];

/**
 * Reads the second stage, if there is one. `here` is the account and the region of the delivery, as far as they are known;
 * `folder` is where the file lies.
 */
export function secondStageFrom(
  node: Node, here: Environment, folder = new URL('../', import.meta.url),
): SecondStage | undefined {
  const first = settingsFrom(node);
  const name = first.secondStage;
  if (name === '') {
    return undefined;
  }
  const { account, region, ...changed } = fileOf(name, folder);
  // Without a channel the stage has no use for the workspace.
  const silent = changed.slackChannelId === '' ? { slackWorkspaceId: '', deliverySlackChannelId: '' } : {};
  const settings = settingsFrom(node, { ...changed, ...silent });
  const env = placeOf({ account, region }, here);
  if (name === first.name) {
    wrong('secondStage', 'another name than that of the first stage', name);
  }
  const sameAccount = env === undefined || env.account === here.account;
  const samePlace = sameAccount && (env === undefined || env.region === here.region);
  const own: (keyof Settings)[] = [
    ...(samePlace ? ['name', 'database'] as const : []),
    // Amazon Q is one for all regions of an account.
    ...(sameAccount && settings.slackChannelId !== '' ? ['slackChannelId', 'name'] as const : []),
  ];
  for (const setting of own) {
    if (settings[setting] === first[setting]) {
      wrong(setting, `in settings.${name}.json another value than the first stage has, which is in the same account`, String(settings[setting]));
    }
  }
  return { name, settings, ...(env && { env }) };
}

function fileOf(name: string, folder: URL): Record<string, unknown> {
  const file = new URL(`settings.${name}.json`, folder);
  if (!existsSync(file)) {
    wrong('secondStage', `the file settings.${name}.json beside settings.json, with what differs there`, 'none');
  }
  const found = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  const known = ['account', 'region', ...Object.keys(settingsFile())].filter((setting) => !OF_THE_DELIVERY.includes(setting));
  for (const setting of Object.keys(found).filter((candidate) => !known.includes(candidate))) {
    wrong(setting, `in settings.${name}.json only settings of a stage (${known.join(', ')})`, String(found[setting]));
  }
  return found;
}

/** CodePipeline has to know by number where it is itself before it can reach anywhere else. */
function placeOf(there: { account: unknown; region: unknown }, here: Environment): Required<Environment> | undefined {
  if (there.account === undefined && there.region === undefined) {
    return undefined;
  }
  if (here.account === undefined || here.region === undefined) {
    return wrong('secondStage', 'AWS credentials and a region, since its file names an account or a region', 'none');
  }
  const account = String(there.account ?? here.account);
  const region = String(there.region ?? here.region);
  return {
    account: /^\d{12}$/.test(account) ? account : wrong('account', 'twelve digits', account),
    region: /^[a-z]{2}(-[a-z]+)+-\d$/.test(region) ? region : wrong('region', 'text like eu-central-1', region),
  };
}
