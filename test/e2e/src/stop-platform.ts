import type { Platform } from './platform.js';

export default async function teardown(): Promise<void> {
  await (globalThis as { platform?: Platform }).platform?.stop();
}
