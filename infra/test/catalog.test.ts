import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { TABLES } from '../lib/catalog.ts';
import { queriesIn, savedQueries } from '../lib/queries.ts';
import { asText, one, pipeline, resources } from './synthesised.ts';

const { template } = pipeline();

test('the database stays when the stack goes, and lies in the processed bucket', () => {
  const [, database] = one(template, 'AWS::Glue::Database');
  expect(database.Properties.DatabaseInput.Name).toBe('ecg');
  expect(asText(database.Properties.DatabaseInput.LocationUri)).toMatch(/^s3:\/\/\$\{BucketsProcessed/);
  expect(database.DeletionPolicy).toBe('RetainExceptOnCreate');
});

test('the tables are those of shared/tables', () => {
  const golden = readFileSync(new URL('../../shared/tables/tests/golden/tables.txt', import.meta.url), 'utf8');
  expect(TABLES).toEqual([...golden.matchAll(/^(\w+): /gm)].map(([, table]) => table));
});

test('the workgroup limits what a query scans and encrypts what it answers', () => {
  const [, { Properties }] = one(template, 'AWS::Athena::WorkGroup');
  expect(Properties.Name).toBe('ecg-pipeline');
  const configuration = Properties.WorkGroupConfiguration;
  expect(configuration.EnforceWorkGroupConfiguration).toBe(true);
  expect(configuration.BytesScannedCutoffPerQuery).toBe(100e9);
  expect(asText(configuration.ResultConfiguration.OutputLocation)).toMatch(/^s3:\/\/\$\{BucketsResults[0-9A-F]{8}\}\/results\/$/);
  expect(configuration.ResultConfiguration.EncryptionConfiguration).toEqual({ EncryptionOption: 'SSE_S3' });
});

test('every question of the document is a saved query', () => {
  const saved = Object.values(resources(template, 'AWS::Athena::NamedQuery')).map(({ Properties }) => Properties);
  const document = readFileSync(new URL('../../docs/queries.md', import.meta.url), 'utf8');
  const headings = [...document.matchAll(/^## (\d+\. .+)$/gm)].map(([, heading]) => heading!.replace('. ', ' '));
  expect(headings.length).toBeGreaterThan(10);
  expect(saved.map(({ Name }) => Name).sort()).toEqual([...headings].sort());
  for (const query of saved) {
    expect(query).toMatchObject({ Database: 'ecg', WorkGroup: 'ecg-pipeline' });
    // CloudFormation's limits.
    expect(query.Name.length).toBeLessThanOrEqual(128);
    expect(query.Description.length).toBeLessThanOrEqual(1024);
  }
});

test('no saved query uses a function that only DataFusion has', () => {
  for (const { sql, title } of savedQueries()) {
    expect(sql, title).not.toMatch(/\b(median|range|array_has|array_slice)\s*\(|\bmd5\((?!to_utf8\()|select unnest/i);
  }
});

test('of a section the query marked for Athena counts, else the first', () => {
  const queries = queriesIn('# T\n```sql\nno\n```\n## 1. A?\n```sql\na\n```\n```sql\nb\n```\n## 2. B\n```sql\nc\n```\n```sql athena\nd\n```\n## In Athena\n```sql\ne\n```\n');
  expect(queries).toEqual([{ number: '1', title: 'A?', sql: 'a' }, { number: '2', title: 'B', sql: 'd' }]);
});
