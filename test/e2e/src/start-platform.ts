import { startPlatform, type Platform } from './platform.js';

/** One platform for all files of the suite; its address travels in the environment. */
export default async function setup(): Promise<void> {
  const platform = await startPlatform();
  (globalThis as { platform?: Platform }).platform = platform;
  process.env['SLUICE_E2E'] = JSON.stringify({ ...platform.local, dataDir: platform.dataDir });
}
