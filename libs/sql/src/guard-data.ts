import type { Duplex } from 'node:stream';

/**
 * Shows `look` each chunk of a socket before the driver gets it, until the answer of this function is called. What `look` or the
 * driver's parser throws becomes the socket's error: thrown out of an event it would end the process, and a rogue server could.
 */
export function guardData(socket: Duplex, look: (chunk: Buffer) => void): () => void {
  const emit = socket.emit.bind(socket) as (event: string | symbol, ...values: unknown[]) => boolean;
  let looking = true;
  socket.emit = (event: string | symbol, ...values: unknown[]): boolean => {
    if (event !== 'data') return emit(event, ...values);
    if (socket.destroyed) return true; // more of what was refused
    try {
      if (looking) look(values[0] as Buffer);
      return emit(event, ...values);
    } catch (error) {
      socket.destroy(error instanceof Error ? error : new Error(String(error)));
      return true;
    }
  };
  return () => {
    looking = false;
  };
}
