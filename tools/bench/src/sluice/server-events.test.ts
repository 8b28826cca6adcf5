import { parseEvents, type ServerEvent } from './server-events.js';

const read = async (text: string, size: number): Promise<ServerEvent[]> => {
  const bytes = new TextEncoder().encode(text);
  async function* chunks() {
    for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
  }
  const events: ServerEvent[] = [];
  for await (const event of parseEvents(chunks())) events.push(event);
  return events;
};

test.each([1, 2, 3, 7, 1000])('events come out whole, whatever the chunks: %i bytes', async (size) => {
  const text = 'id: 7\nevent: progress\ndata: {"a":\ndata: "ü"}\n\n: ping\n\ndata:x\r\n\r\nevent: cut\ndata: off';
  expect(await read(text, size)).toEqual([
    { event: 'progress', data: '{"a":\n"ü"}', id: '7' },
    { event: 'message', data: 'x' },
  ]);
});
