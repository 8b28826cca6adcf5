/**
 * Runs a shell pipeline and says what it cost. The kernel's own account of the children (getrusage) is read by a few lines of
 * Perl, which every Debian has: Node cannot ask for it, and sampling would miss the end.
 */
import { spawn } from 'node:child_process';
import { machineCpuSeconds } from './proc.js';

export interface Cost {
  /** From process start (for Sluice: from the trigger request) to durable commit at the destination. */
  readonly wallSeconds: number;
  /** User and system time of the method's own processes; null where the system does not say. */
  readonly clientCpuSeconds: number | null;
  /** Of everything that ran meanwhile, the databases too. */
  readonly machineCpuSeconds: number;
  /** Of the method's largest process. */
  readonly peakRssBytes: number | null;
}
export interface CommandResult extends Cost {
  readonly stdout: string;
  readonly stderr: string;
}
export interface Command {
  /** A bash script. Never holds a secret: command lines are readable by every user of the machine. */
  readonly script: string;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

export class CommandError extends Error {
  constructor(
    script: string,
    readonly exit: string,
    readonly stderr: string,
  ) {
    super(`${script}\n  ended with ${exit}: ${stderr.trim().slice(-2000) || '(no message)'}`);
    this.name = 'CommandError';
  }
}

const getrusage: Partial<Record<NodeJS.Architecture, number>> = { x64: 98, arm64: 165 };

/** Arguments: system call number, then the command. Writes "user system peakKiB" to descriptor 3. */
const wrapper = `
  my $number = shift @ARGV;
  my $status = system { $ARGV[0] } @ARGV;
  my $usage = "\\0" x 144;
  open(my $out, ">&=", 3) or die;
  if ($number && syscall($number, -1, $usage) == 0) {
    my @fields = unpack("q5", $usage);
    printf $out "%.6f %.6f %d", $fields[0] + $fields[1] / 1e6, $fields[2] + $fields[3] / 1e6, $fields[4];
  }
  close $out;
  exit($status & 127 ? 128 + ($status & 127) : $status >> 8);
`;

export const parseUsage = (text: string): Pick<Cost, 'clientCpuSeconds' | 'peakRssBytes'> => {
  const [user, system, kib] = text.split(' ').map(Number);
  if (user === undefined || system === undefined || kib === undefined) {
    return { clientCpuSeconds: null, peakRssBytes: null };
  }
  return { clientCpuSeconds: user + system, peakRssBytes: kib * 1024 };
};

/**
 * @throws CommandError when any part of a pipeline fails
 */
export const timedCommand = ({ script, env, cwd }: Command): Promise<CommandResult> =>
  new Promise((done, fail) => {
    const cpuBefore = machineCpuSeconds();
    const start = performance.now();
    const args = ['-e', wrapper, String(getrusage[process.arch] ?? 0), 'bash', '-o', 'pipefail', '-c', script];
    const child = spawn('perl', args, { env, cwd, stdio: ['ignore', 'pipe', 'pipe', 'pipe'] });
    const texts = [1, 2, 3].map((descriptor) => {
      const chunks: Buffer[] = [];
      child.stdio[descriptor as 1 | 2 | 3]?.on('data', (chunk: Buffer) => chunks.push(chunk));
      return () => Buffer.concat(chunks).toString('utf8');
    });
    let cost = { wallSeconds: 0, machineCpuSeconds: 0 };
    child.once('exit', () => {
      cost = { wallSeconds: (performance.now() - start) / 1000, machineCpuSeconds: machineCpuSeconds() - cpuBefore };
    });
    child.once('error', fail);
    child.once('close', (code, signal) => {
      const [stdout = '', stderr = '', usage = ''] = texts.map((text) => text());
      if (code !== 0) fail(new CommandError(script, signal ?? `exit code ${code}`, stderr || stdout));
      else done({ ...cost, ...parseUsage(usage), stdout, stderr });
    });
  });
