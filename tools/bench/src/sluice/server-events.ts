/** Reads a stream of server-sent events. */

export interface ServerEvent {
  readonly event: string;
  readonly data: string;
  readonly id?: string;
}

const parseBlock = (block: string): ServerEvent | undefined => {
  const fields = block.split('\n').flatMap((line) => {
    const match = /^(event|data|id): ?(.*)$/.exec(line);
    return match ? [[match[1] ?? '', match[2] ?? ''] as const] : [];
  });
  const all = (name: string): string[] => fields.flatMap(([field, value]) => (field === name ? [value] : []));
  const id = all('id').at(-1);
  const data = all('data');
  if (data.length === 0) return undefined; // a comment, sent to keep the connection alive
  return { event: all('event').at(-1) ?? 'message', data: data.join('\n'), ...(id !== undefined && { id }) };
};

export async function* parseEvents(body: AsyncIterable<Uint8Array>): AsyncIterable<ServerEvent> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true });
    const ready = rest.endsWith('\r') ? rest.slice(0, -1) : rest; // the other half of a line end may follow
    const blocks = ready.replaceAll('\r\n', '\n').split('\n\n');
    rest = (blocks.pop() ?? '') + rest.slice(ready.length);
    for (const block of blocks) {
      const event = parseBlock(block);
      if (event) yield event;
    }
  }
}
