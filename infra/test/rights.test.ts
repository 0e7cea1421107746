// functions/README.md says what each function may do. The roles of the stack have exactly that, and nothing else has it.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { STEPS, type Step } from '../lib/steps.ts';
import { asText, one, pipeline, resources } from './synthesised.ts';

const { template } = pipeline();
const { template: withCrawler } = pipeline({ crawler: true });

describe.each(STEPS)('%s', (step) => {
  test('may do what the document says, no less and no more', () => {
    expect(granted(template, step)).toEqual(documented([step]));
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
  expect(granted(withCrawler, 'crawl')).toEqual(documented(['crawl` with `GLUE_CRAWLER']));
  const [, { Properties }] = one(withCrawler, 'AWS::Glue::Crawler');
  expect(Properties.Targets.S3Targets.map(({ Path }: any) => asText(Path).replace(/^.*}\//, '')))
    .toEqual(['recordings/', 'segments/', 'beats/', 'rejections/']);
  expect(Object.keys(resources(template, 'AWS::Glue::Crawler'))).toEqual([]);
});

test('no role of the stack has a managed policy, and no function an action with a star', () => {
  for (const role of Object.values(resources(template, 'AWS::IAM::Role'))) {
    expect(role.Properties.ManagedPolicyArns).toBeUndefined();
  }
  for (const step of STEPS) {
    expect(granted(template, step).filter((right) => right.includes('*'))).toEqual([]);
  }
});

/** `place action` for each right of the function's role; the place is the bucket, or `-` for what is not in one. */
function granted(from: typeof template, step: Step): string[] {
  const [roleId] = roleOf(from, step);
  const [, policy] = one(from, 'AWS::IAM::Policy', ({ Properties }) => Properties.Roles.some((name: any) => name.Ref === roleId));
  const rights = policy.Properties.PolicyDocument.Statement.flatMap((statement: any) =>
    [statement.Resource].flat().flatMap((resource: any) => [statement.Action].flat().map((action: string) => {
      const text = asText(resource);
      expect(text, action).not.toBe('*');
      // The least that can be named: all objects or those below a prefix, the bucket itself for a listing.
      const bucket = /^\$\{Buckets(Raw|Work|Processed)[0-9A-F]{8}\.Arn\}(.*)$/.exec(text);
      if (bucket) {
        expect(bucket[2], action).toMatch(action === 's3:ListBucket' ? /^$/ : /^\/([a-z]+\/)?\*$/);
      }
      const below = /^\/([a-z]+\/)\*$/.exec(bucket?.[2] ?? '')?.[1];
      return `${bucket ? bucket[1]!.toLowerCase() : '-'} ${action}${below ? ` below ${below}` : ''}`;
    })));
  return [...new Set<string>(rights)].sort();
}

function roleOf(from: typeof template, step: Step) {
  const [, { Properties }] = one(from, 'AWS::Lambda::Function', (found) => found.Properties.FunctionName === `ecg-pipeline-${step}`);
  return one(from, 'AWS::IAM::Role', (_, id) => id === Properties.Role['Fn::GetAtt'][0]);
}

/** The same from the table "Rights", for a row and the row "all". */
function documented(rows: string[]): string[] {
  const markdown = readFileSync(new URL('../../functions/README.md', import.meta.url), 'utf8');
  const table = /^## Rights$([^]*?)^## /m.exec(markdown)![1]!;
  const cells = table.split('\n').map((line) => line.split('|').map((cell) => cell.trim())).filter((line) => line.length === 4);
  const rights = ['all', ...rows.map((row) => `\`${row}\``)].flatMap((row) => {
    const found = cells.filter((line) => line[1] === row);
    expect(found, row).toHaveLength(1);
    return found[0]![2]!.split(';').flatMap((clause) => {
      const place = /^\s*(raw|work|processed):/.exec(clause)?.[1] ?? '-';
      // "(below `prefix/`, …)" limits the one action before it.
      return [...clause.matchAll(/`([a-z0-9]+:[A-Za-z]+)`(?: \(below ([^)]*)\))?/g)].flatMap(([, action, below]) => {
        const prefixes = [...(below ?? '').matchAll(/`([a-z]+\/)`/g)].map(([, prefix]) => ` below ${prefix}`);
        return (prefixes.length > 0 ? prefixes : ['']).map((prefix) => `${place} ${action}${prefix}`);
      });
    });
  });
  return [...new Set(rights)].sort();
}
