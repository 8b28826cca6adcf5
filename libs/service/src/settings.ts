/** What every app reads from its environment, checked once at start. docs/configuration.md lists the variables. */
export interface ServiceSettings {
  /** nats://user:password@host:port, comma-separated for a cluster. */
  readonly natsUrl: string;
  /** Where /livez, /readyz and /metrics are served; 0 picks a free port. The gateway serves its API there too. */
  readonly httpHost: string;
  readonly httpPort: number;
  readonly logLevel: string;
}

const levels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'];

export function serviceSettings(env: NodeJS.ProcessEnv = process.env): ServiceSettings {
  return {
    natsUrl: required(env, 'SLUICE_NATS_URL'),
    httpHost: env['SLUICE_HTTP_HOST'] ?? '127.0.0.1',
    httpPort: whole(env, 'SLUICE_HTTP_PORT', 0, 0, 65_535),
    logLevel: oneOf(env, 'LOG_LEVEL', levels, 'info'),
  };
}

/** The variable's value; throws an error that names it when it is missing or empty. */
export function required(env: NodeJS.ProcessEnv, name: string): string {
  const value = env[name];
  if (value === undefined || value === '') throw new Error(`${name} is not set`);
  return value;
}

export function whole(env: NodeJS.ProcessEnv, name: string, fallback: number, min: number, max: number): number {
  const text = env[name];
  if (text === undefined || text === '') return fallback;
  const value = Number(text);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new Error(`${name} is ${JSON.stringify(text)}; a whole number from ${min} to ${max} is needed`);
  }
  return value;
}

export function oneOf(env: NodeJS.ProcessEnv, name: string, allowed: readonly string[], fallback: string): string {
  const value = env[name] || fallback;
  if (!allowed.includes(value))
    throw new Error(`${name} is ${JSON.stringify(value)}; one of ${allowed.join(', ')} is needed`);
  return value;
}
