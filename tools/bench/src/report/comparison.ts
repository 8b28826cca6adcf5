/** Turns the rounds of a comparison into a Markdown table and named figures. */
import { isMethod, type Contender, type Round } from '../measure/rounds.js';
import { median, speedRatio, summarize, twoPeaks } from '../measure/statistics.js';
import type { Figures } from './targets.js';

export interface Comparison {
  readonly contenders: readonly Contender[];
  readonly rounds: readonly Round[];
  /** Rows that each run moves. */
  readonly rows: number;
  /** Id of the method that the others are compared to. */
  readonly base: string;
}

/** The counted seconds of a method; nothing when any of its counted rounds failed. */
const secondsOf = ({ rounds }: Comparison, id: string): number[] => {
  const own = rounds.filter(({ method }) => method === id);
  if (own.some(({ failure, warmUp }) => failure !== undefined && !warmUp)) return [];
  return own.filter(({ warmUp }) => !warmUp).map(({ wallSeconds }) => wallSeconds);
};

const medianOrDash = (values: readonly (number | null)[], digits: number, scale = 1): string => {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? '-' : (median(known) / scale).toFixed(digits);
};

const ratioOf = (comparison: Comparison, id: string, base: string): number | null => {
  const [own, other] = [secondsOf(comparison, id), secondsOf(comparison, base)];
  return own.length > 0 && other.length > 0 ? speedRatio(own, other) : null;
};

const peaksNote = (seconds: readonly number[]): string => {
  const peaks = twoPeaks(seconds);
  return peaks ? `bimodal: ${peaks.map(({ median, count }) => `${median.toFixed(2)} s x ${count}`).join(', ')}` : '';
};

const tableRow = (comparison: Comparison, contender: Contender): string[] => {
  const { id, title } = contender;
  const blank = ['-', '-', '-', '-', '-', '-'];
  if (!isMethod(contender)) return [title, ...blank, `skipped: ${contender.unavailable}`];
  const own = comparison.rounds.filter(({ method }) => method === id);
  const failure = own.find((round) => round.failure !== undefined)?.failure;
  const seconds = secondsOf(comparison, id);
  if (seconds.length === 0) return [title, ...blank, `FAILED: ${firstLine(failure ?? 'no counted round')}`];
  const counted = own.filter(({ warmUp }) => !warmUp);
  const { median, min, max } = summarize(seconds);
  return [
    title,
    `${median.toFixed(2)} (${min.toFixed(2)}-${max.toFixed(2)})`,
    Math.round(comparison.rows / median).toLocaleString('en'),
    ratioOf(comparison, id, comparison.base)?.toFixed(2) ?? '-',
    medianOrDash(
      counted.map((round) => round.clientCpuSeconds),
      1,
    ),
    medianOrDash(
      counted.map((round) => round.machineCpuSeconds),
      1,
    ),
    peakMegabytes(counted),
    peaksNote(seconds),
  ];
};

/** The highest of all rounds: a peak is a peak. MB of 10^6 bytes. */
const peakMegabytes = (rounds: readonly Round[]): string => {
  const known = rounds.map(({ peakRssBytes }) => peakRssBytes).filter((bytes) => bytes !== null);
  return known.length === 0 ? '-' : (Math.max(...known) / 1e6).toFixed(0);
};

const firstLine = (text: string): string =>
  (text.split('\n').find((line) => line.trim()) ?? '').trim().replaceAll('|', '\\|');

export const markdownTable = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map((_, index) => (index === 0 ? '---' : '---:')), ...rows]
    .map((row) => `| ${row.join(' | ')} |`)
    .join('\n');

export const comparisonTable = (comparison: Comparison): string =>
  markdownTable(
    [
      'method',
      'median s (min-max)',
      'rows/s',
      `speed vs ${comparison.base}`,
      'client CPU s',
      'machine CPU s',
      'peak MB',
      'note',
    ],
    comparison.contenders.map((contender) => tableRow(comparison, contender)),
  );

/** For each method: 'id median s', 'id rows/s', 'id peak MB'; and Sluice's 'sluice vs id'. */
export const comparisonFigures = (comparison: Comparison): Figures => {
  const figures: Record<string, number | null> = {};
  const ids = comparison.contenders.map(({ id }) => id);
  for (const id of ids) {
    const seconds = secondsOf(comparison, id);
    figures[`${id} median s`] = seconds.length > 0 ? median(seconds) : null;
    figures[`${id} rows/s`] = seconds.length > 0 ? comparison.rows / median(seconds) : null;
    for (const own of ids.filter((other) => other.startsWith('sluice') && other !== id)) {
      figures[`${own} vs ${id}`] = ratioOf(comparison, own, id);
    }
  }
  return figures;
};

/** Wrong data and broken runs: each is a failure of the benchmark as a whole. */
export const failuresOf = ({ rounds }: Comparison): string[] =>
  rounds.flatMap(({ method, round, failure }) =>
    failure === undefined ? [] : [`${method}, round ${round}: ${failure}`],
  );
