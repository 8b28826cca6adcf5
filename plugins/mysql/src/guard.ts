import { toSluiceError } from './errors.js';

/** Runs a member of a session: what the driver throws leaves it as an error of the SDK. */
export async function guard<T>(work: () => Promise<T>, stream?: string): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw toSluiceError(error, stream);
  }
}
