import type { Platform } from './platform';

export default async function teardown(): Promise<void> {
  await (globalThis as { platform?: Platform }).platform?.stop();
}
