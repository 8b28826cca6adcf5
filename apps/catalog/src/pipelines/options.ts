import { invalid, type PipelineOptions } from '@sluice/messages';

const ranges: Readonly<Record<string, readonly [least: number, most: number]>> = {
  parallelism: [1, 32],
  maxAttempts: [1, 20],
};

/** Throws 'options-invalid' for an unknown option or a value out of range. */
export function checkOptions(options: PipelineOptions): void {
  for (const [name, value] of Object.entries(options) as [string, unknown][]) {
    if (name === 'encoding') {
      if (value !== 'auto' && value !== 'rows') throw wrong(name, "'auto' or 'rows'");
      continue;
    }
    const range = Object.hasOwn(ranges, name) ? ranges[name] : undefined;
    if (!range)
      throw invalid('options-invalid', `there is no option "${name}"`, {
        fix: 'use parallelism, maxAttempts or encoding',
      });
    if (typeof value !== 'number' || !Number.isInteger(value) || value < range[0] || value > range[1])
      throw wrong(name, `a whole number from ${range[0]} to ${range[1]}`);
  }
}
const wrong = (name: string, needed: string): Error =>
  invalid('options-invalid', `the option "${name}" is not valid`, {
    fix: `send ${needed}`,
    details: { path: ['options', name] },
  });
