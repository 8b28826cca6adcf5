import fc from 'fast-check';
import { Heap } from './heap.js';

test('comes out in order, whatever the order in', () => {
  fc.assert(
    fc.property(fc.array(fc.integer()), (times) => {
      const heap = new Heap<number>();
      for (const at of times) heap.push(at, at);
      const out: number[] = [];
      for (let top = heap.pop(); top; top = heap.pop()) out.push(top.value);
      expect(out).toEqual([...times].sort((a, b) => a - b));
    }),
  );
});
