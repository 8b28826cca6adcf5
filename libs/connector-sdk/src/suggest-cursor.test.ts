import type { Column, LogicalType } from './contract.js';
import { suggestCursor } from './suggest-cursor.js';

const suggested = (columns: Record<string, LogicalType>, more: { key?: string[]; cursors?: string[] } = {}) => {
  const all = Object.entries(columns).map(([name, type]): Column => ({ name, type, nullable: false, native: type }));
  return suggestCursor({ columns: all, cursors: all.map(({ name }) => name), key: ['id'], ...more });
};

test.each<[Record<string, LogicalType>, string | undefined]>([
  [{ id: 'int64', born: 'date', last_modified: 'timestamp' }, 'last_modified'],
  [{ id: 'int64', born: 'date' }, 'born'],
  [{ id: 'int64', born: 'date', died: 'date' }, 'id'],
  [{ id: 'uuid', born: 'date', died: 'date' }, undefined],
  [{ id: 'int64', updated_at: 'timestamp', changed_on: 'date' }, undefined],
])('of %j it is %s', (columns, cursor) => expect(suggested(columns)).toBe(cursor));

test('only what the stream offers as a cursor, and only an integer that is the whole key', () => {
  expect(suggested({ id: 'int64', born: 'date' }, { cursors: ['id'] })).toBe('id');
  expect(suggested({ id: 'int64', part: 'int32' }, { key: ['id', 'part'] })).toBeUndefined();
});
