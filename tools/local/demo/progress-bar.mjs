// @ts-check
/** Shows how far a load is: a bar that moves on a terminal, a line now and then elsewhere. */

const width = 30;
const plainEveryMs = 1000;

/** @param {number} value */
export const grouped = (value) => Math.round(value).toLocaleString('en-US');

/**
 * @param {{ done: number, total: number | undefined, seconds: number, phase?: string | undefined }} state
 * @returns {string} such as `[#####.....]  50 %  85,000 of 171,075 rows  42,500 rows/s  2 s left`
 */
export const progressLine = ({ done, total, seconds, phase }) => {
  const rate = seconds > 0 ? done / seconds : 0;
  const rateText = rate > 0 ? `  ${grouped(rate)} rows/s` : '';
  const suffix = phase ? `  ${phase}` : '';
  if (!total) return `${grouped(done)} rows${rateText}${suffix}`;
  const part = Math.min(1, done / total);
  const filled = Math.round(part * width);
  const left = rate > 0 && part < 1 ? `  ${Math.ceil((total - done) / rate)} s left` : '';
  const bar = `[${'#'.repeat(filled)}${'.'.repeat(width - filled)}]`;
  return `${bar} ${String(Math.floor(part * 100)).padStart(3)} %  ${grouped(done)} of ${grouped(total)} rows${rateText}${left}${suffix}`;
};

/**
 * @param {{ total: number, say: import('../say.mjs').Say, terminal?: NodeJS.WriteStream | undefined }} options
 *   `total` holds until the sync brings an estimate of its own; `terminal` only when it is one
 */
export const progressBar = ({ total, say, terminal = process.stdout.isTTY ? process.stdout : undefined }) => {
  const since = performance.now();
  let lastLine = '';
  let lastShown = -Infinity;
  /** @param {string} line */
  const draw = (line) => {
    if (terminal) terminal.write(`\r${line}\u001b[K`);
    else if (line !== lastLine && performance.now() - lastShown >= plainEveryMs) {
      say(line);
      lastShown = performance.now();
    }
    lastLine = line;
  };
  return {
    /** @param {import('./sync-events.mjs').Progress} progress */
    progress: ({ rowsWritten, rowsRead, estimatedRows, phase }) =>
      draw(
        progressLine({
          done: rowsWritten || rowsRead,
          total: estimatedRows || total,
          seconds: (performance.now() - since) / 1000,
          phase,
        }),
      ),
    /** @param {string} line */
    log: (line) => {
      if (terminal) terminal.write('\r\u001b[K');
      say(`  ${line}`);
      if (terminal && lastLine) terminal.write(lastLine);
    },
    /** @param {number} rows */
    end: (rows) => {
      const line = progressLine({ done: rows, total: rows, seconds: (performance.now() - since) / 1000 });
      if (terminal) terminal.write(`\r${line}\u001b[K\n`);
      else say(line);
    },
  };
};
