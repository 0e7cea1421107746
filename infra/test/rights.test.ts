// functions/steps.json says what each function may do. The roles of the stack have exactly that, and nothing else has it.

import { describe, expect, test } from 'vitest';
import { TABLES } from '../lib/catalog.ts';
import { ENTRIES, EVERY, STEPS, type Rights, type Step } from '../lib/steps.ts';
import { asText, one, pipeline, resources, rightsOf } from './synthesised.ts';

const { template } = pipeline();
const { template: withCrawler } = pipeline({ crawler: true });

describe.each(STEPS)('%s', (step) => {
  test('may do what the file says, no less and no more', () => {
    expect(granted(template, step)).toEqual(listed(ENTRIES[step].rights));
  });

  test('has no policy of another kind', () => {
    const [roleId, role] = roleOf(template, step);
    expect(role.Properties.ManagedPolicyArns).toBeUndefined();
    expect(role.Properties.Policies).toBeUndefined();
    expect(role.Properties.AssumeRolePolicyDocument.Statement).toEqual([
      { Action: 'sts:AssumeRole', Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' } },
    ]);
    const policies = Object.values(resources(template, 'AWS::IAM::Policy')).filter(({ Properties }) =>
      Properties.Roles.some((name: any) => name.Ref === roleId));
    expect(policies).toHaveLength(1);
    expect(policies[0]!.Properties.Roles).toHaveLength(1);
  });
});

test('crawl with a crawler may only start it, and no catalog', () => {
  expect(granted(withCrawler, 'crawl')).toEqual(listed(ENTRIES.crawl.rights_with!.GLUE_CRAWLER!));
  const [, { Properties }] = one(withCrawler, 'AWS::Glue::Crawler');
  expect(Properties.Targets).toEqual({ CatalogTargets: [{ DatabaseName: 'ecg', Tables: ['recordings', 'segments', 'beats', 'windows', 'rejections'] }] });
  expect(Properties.SchemaChangePolicy).toEqual({ UpdateBehavior: 'LOG', DeleteBehavior: 'LOG' });
  expect(rightsOf(withCrawler, 'CatalogCrawler').filter((right) => /^glue:(?!Get|BatchGet)/.test(right)).map((right) => right.split(' ')[0]))
    .toEqual(['glue:BatchCreatePartition', 'glue:CreatePartition'].flatMap((action) => [action, action, action]));
  expect(Object.keys(resources(template, 'AWS::Glue::Crawler'))).toEqual([]);
});

test('crawl may put the objects of every table, but for those of rejections, which write puts, and the registers of days', () => {
  for (const stack of [template, withCrawler]) {
    const puts = granted(stack, 'crawl').filter((right) => /^processed\/.* s3:PutObject$/.test(right));
    const places = TABLES.filter((table) => table !== 'rejections').concat(stack === template ? ['compact/days'] : []);
    expect(puts.sort()).toEqual(places.map((place) => `processed/${place}/* s3:PutObject`).sort());
  }
});

test('no role of the stack has a managed policy, and no function an action with a star', () => {
  for (const role of Object.values(resources(template, 'AWS::IAM::Role'))) {
    expect(role.Properties.ManagedPolicyArns).toBeUndefined();
  }
  for (const step of STEPS) {
    expect(granted(template, step).filter((right) => right.split(' ')[1]!.includes('*'))).toEqual([]);
  }
});

/** `place action` for each right of the function's role; the place is as in the file, or `-` for what is in no bucket. */
function granted(from: typeof template, step: Step): string[] {
  const [roleId] = roleOf(from, step);
  const [, policy] = one(from, 'AWS::IAM::Policy', ({ Properties }) => Properties.Roles.some((name: any) => name.Ref === roleId));
  const rights = policy.Properties.PolicyDocument.Statement.flatMap((statement: any) =>
    [statement.Resource].flat().flatMap((resource: any) => [statement.Action].flat().map((action: string) => {
      const text = asText(resource);
      expect(text, action).not.toBe('*');
      // The least that can be named: all objects or those below a prefix, the bucket itself for a listing.
      const bucket = /^\$\{Buckets(Raw|Work|Processed|Results)[0-9A-F]{8}\.Arn\}(.*)$/.exec(text);
      if (bucket) {
        expect(bucket[2], action).toMatch(['s3:ListBucket', 's3:ListBucketVersions', 's3:GetBucketLocation'].includes(action) ? /^$/ : /^\/([a-z]+\/)*\*$/);
      }
      return `${bucket ? `${bucket[1]!.toLowerCase()}${bucket[2]}` : '-'} ${action}`;
    })));
  return [...new Set<string>(rights)].sort();
}

function roleOf(from: typeof template, step: Step) {
  const [, { Properties }] = one(from, 'AWS::Lambda::Function', (found) => found.Properties.FunctionName === `ecg-pipeline-${step}`);
  return one(from, 'AWS::IAM::Role', (_, id) => id === Properties.Role['Fn::GetAtt'][0]);
}

/** The same from the file, with what all functions may do. */
function listed(rights: Rights): string[] {
  const all = Object.entries({ ...EVERY.rights, ...rights }).flatMap(([place, actions]) =>
    actions.map((action) => `${/^(raw|work|processed|results)(\/|$)/.test(place) ? place : '-'} ${action}`));
  return [...new Set(all)].sort();
}
