import type { LanePlan } from '@sluice/engine';
import { LaneBoard } from './lane-board.js';
import { evenly } from './runner-settings.js';
import type { LaneAnswer } from './worker/protocol.js';

const counts = { rowsRead: 0, rowsWritten: 0, rowsRejected: 0, bytes: 0 };
const none = { rowsWritten: 0, bytes: 0 };
const done: LaneAnswer = { status: 'done', counts };
const split: LaneAnswer = {
  status: 'split',
  counts,
  startedOver: false,
  parts: [
    { name: '1 of 2', part: [0] },
    { name: '2 of 2', part: [1] },
  ],
};
function plan(id: string, megabytes: number): LanePlan {
  const stream = { id, path: [id], columns: [], key: [], modes: [], cursors: [] };
  const estimate = { rows: 1, bytes: megabytes * 2 ** 20 };
  return {
    id,
    request: { stream: { ...stream, estimate }, mode: 'full' },
    target: { table: [id], mode: 'replace', key: [] },
  };
}

test('one after the other in the given order, and the end', async () => {
  const board = new LaneBoard([plan('a', 1), plan('b', 500)], evenly(1));
  expect(board.width).toBe(1);
  const first = (await board.next())!;
  expect([first.plan.id, first.parts]).toEqual(['a', undefined]);
  board.ended(first, done);
  const second = (await board.next())!;
  expect([second.plan.id, second.parts]).toEqual(['b', { rows: 1, bytes: 1 }]);
  board.ended(second, done);
  expect(await board.next()).toBeUndefined();
});

test('a large stream is cut, its parts go to those who wait, and the last one done brings the publication', async () => {
  const board = new LaneBoard([plan('a', 1), plan('b', 500)], evenly(2));
  expect(board.width).toBe(2);
  const large = (await board.next())!;
  expect([large.plan.id, large.parts]).toEqual(['b', { rows: 2, bytes: 2 }]);
  board.ended((await board.next())!, done);
  const waiting = board.next();
  board.ended(large, split);
  const [one, two] = [(await waiting)!, (await board.next())!];
  expect([one.part, one.plan.request.part, two.part, two.plan.request.part]).toEqual(['1 of 2', [0], '2 of 2', [1]]);
  board.ended(two, { ...done, counts: { ...counts, rowsWritten: 3, bytes: 30 } });
  const last = board.next();
  board.ended(one, { status: 'already-done', counts: { ...counts, rowsWritten: 4, bytes: 40 } });
  expect(await last).toEqual({ plan: plan('b', 500), publish: true, ofParts: { rowsWritten: 7, bytes: 70 } });
});

const lost: LaneAnswer = {
  status: 'lost',
  counts,
  lost: { code: 'lost-position', message: 'rows were written', from: 'a', to: 'b' },
};

test('a stream whose part is lost is started over once none of its parts is in hand, and not a second time', async () => {
  const board = new LaneBoard([plan('b', 500)], evenly(2));
  board.ended((await board.next())!, split);
  const [one, two] = [(await board.next())!, (await board.next())!];
  board.ended(one, lost);
  const waiting = board.next();
  board.ended(two, { status: 'stopped', counts });
  const again = (await waiting)!;
  expect(again).toEqual({ plan: plan('b', 500), parts: { rows: 2, bytes: 2 }, startOver: 'now' });
  board.ended(again, { ...split, startedOver: true });
  const parts = [(await board.next())!, (await board.next())!];
  expect(parts.map(({ part, startOver }) => [part, startOver])).toEqual([
    ['1 of 2', 'never'],
    ['2 of 2', 'never'],
  ]);
  for (const part of parts) board.ended(part, done);
  expect(await board.next()).toEqual({ plan: plan('b', 500), publish: true, ofParts: none, startOver: 'never' });
});

test('a lost publication starts its stream over; parts that nobody took are not read in vain', async () => {
  const board = new LaneBoard([plan('b', 500)], evenly(2));
  board.ended((await board.next())!, split);
  board.ended((await board.next())!, done);
  board.ended((await board.next())!, done);
  const publication = (await board.next())!;
  expect(publication.publish).toBe(true);
  board.ended(publication, lost);
  const again = (await board.next())!;
  expect(again.startOver).toBe('now');
  board.ended(again, split);
  board.ended((await board.next())!, lost);
  expect(await board.next()).toMatchObject({ startOver: 'now' });
});

test.each([[[lost, 'failed']], [['failed', lost]]])(
  'a stream with a part that failed is not started over',
  async (answers) => {
    const board = new LaneBoard([plan('b', 500)], evenly(2));
    board.ended((await board.next())!, split);
    const parts = [(await board.next())!, (await board.next())!];
    const error = { class: 'data', code: 'x', message: 'x' } as const;
    const failed: LaneAnswer = { status: 'failed', scope: 'lane', error, counts };
    for (const [i, answer] of answers.entries()) board.ended(parts[i]!, typeof answer === 'string' ? failed : answer);
    expect(await board.next()).toBeUndefined();
  },
);

test('a part that fails takes the others of its stream off the board', async () => {
  const board = new LaneBoard([plan('b', 500), plan('a', 1)], evenly(2));
  board.ended((await board.next())!, split);
  const part = (await board.next())!;
  const error = { class: 'data', code: 'x', message: 'x' } as const;
  board.ended(part, { status: 'failed', scope: 'lane', error, counts });
  const rest = (await board.next())!;
  expect(rest.plan.id).toBe('a');
  const waiting = board.next();
  board.clear();
  board.ended(rest, done);
  expect(await waiting).toBeUndefined();
  board.ended(part, split);
  expect(await board.next()).toBeUndefined();
});
