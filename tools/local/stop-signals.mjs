// @ts-check
/** Ctrl-C, SIGTERM and a closed terminal end a program in order. */

/**
 * @returns {{ signal: Promise<NodeJS.Signals>, abort: AbortSignal }} the first signal, in two forms; a third one gives up waiting
 */
export const onStopSignal = () => {
  const controller = new AbortController();
  let count = 0;
  /** @type {Promise<NodeJS.Signals>} */
  const signal = new Promise((done) => {
    for (const name of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
      process.on(name, () => {
        count++;
        done(name);
        controller.abort();
        if (count > 2) process.exit(1); // what is left running is ended by the next start
      });
    }
  });
  return { signal, abort: controller.signal };
};
