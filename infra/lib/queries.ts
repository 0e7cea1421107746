// SQL that is written elsewhere: the questions in docs/queries.md. Nothing is written twice.

import { readFileSync } from 'node:fs';

export interface SavedQuery {
  readonly number: string;
  readonly title: string;
  readonly sql: string;
}

/** The questions of docs/queries.md in Athena's dialect. */
export function savedQueries(): SavedQuery[] {
  return queriesIn(readFileSync(new URL('../../docs/queries.md', import.meta.url), 'utf8'));
}

/**
 * The first query of each section `## 1. Title`. Where a section has a block marked `sql athena`, that one counts: there
 * the dialects differ.
 */
export function queriesIn(markdown: string): SavedQuery[] {
  return markdown.split(/^## /m).flatMap((section) => {
    const heading = /^(\d+)\. (.+)/.exec(section);
    const sql = /^```sql athena\n([^]*?)^```/m.exec(section) ?? /^```sql\n([^]*?)^```/m.exec(section);
    return heading?.[1] && heading[2] && sql?.[1] ? [{ number: heading[1], title: heading[2], sql: sql[1].trim() }] : [];
  });
}
