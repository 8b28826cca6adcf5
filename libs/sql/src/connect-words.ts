/** What every database server has in common when a connection to it fails: who answers, TLS, the network. Each with what to do. */
import { ConfigError, type Context, type TlsConfig, TransientError, codes, tlsAsChosen } from '@sluice/connector-sdk';
import type { Socket } from 'node:net';

/** What to tell of an error. `path`: the option of the configuration. */
export interface ConnectWords {
  readonly kind: 'config' | 'transient';
  readonly code: string;
  readonly path?: string;
  readonly message: string;
  readonly fix: string;
}

/** How far an attempt came, and to whom it went. */
export interface ConnectAttempt {
  readonly config: TlsConfig & { readonly port: number; readonly connect_timeout: number };
  /** The address took the connection. */
  readonly connected: boolean;
  /** The server said something. */
  readonly spoke: boolean;
}

/** The system that was expected: its name, its usual port, and the setting of its server that says where it listens. */
export interface Expected {
  readonly name: string;
  readonly port: number;
  readonly listens: string;
}

/** Something else answers; the message says what. */
export class OtherServer extends Error {}
/** The server has no TLS, or none for us. */
export class NoTls extends Error {}
/** The time for connecting is over. */
export class ConnectTimeout extends Error {}

/** The host's connection, before `deadline` (ms of `Date.now`). Throws ConnectTimeout, or what the host threw. */
export async function dialBefore(
  deadline: number,
  { dial }: Pick<Context, 'dial'>,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<Socket> {
  const timeout = Math.max(1, deadline - Date.now());
  try {
    return await dial({ host, port, timeout });
  } catch (error) {
    throw nameOf(error) === 'ETIMEDOUT' && Date.now() >= deadline - 20 ? new ConnectTimeout() : error;
  }
}

/** The contract's error. */
export function connectErrorOf({ kind, code, path, message, fix }: ConnectWords, cause: unknown): Error {
  return kind === 'config'
    ? new ConfigError(message, { code, fix, path: path === undefined ? [] : [path], cause })
    : new TransientError(message, { code, fix, cause });
}

/** Capped, and free of what would colour a terminal. A server's words are anyone's. */
export const serverText = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).replaceAll(/[\p{Cc}\p{Cf}]/gu, ' ').slice(0, 300);

const nameOf = (error: unknown): string => String((error as { code?: unknown } | null)?.code ?? '');
const placeOf = ({ config }: ConnectAttempt): string => `${config.host}:${config.port}`;

/** For an answer that is none of the expected system; `speaker` says whose it is. */
export const otherServer = (attempt: ConnectAttempt, { name, port }: Expected, speaker?: string): ConnectWords => ({
  kind: 'config',
  code: codes.notThisServer,
  path: 'port',
  message:
    speaker === undefined
      ? `At ${placeOf(attempt)} answers something that breaks the protocol of ${name}.`
      : `At ${placeOf(attempt)} answers ${speaker}, not ${name}.`,
  fix: `Give the host and port of a ${name} server; ${port} is the usual port.`,
});

export const tlsWords = (message: string, fix: string): ConnectWords => ({
  kind: 'config',
  code: codes.tls,
  path: 'ssl_mode',
  message,
  fix,
});

const tlsNames =
  /^(HANDSHAKE_SSL_ERROR|CERT_|ERR_TLS|ERR_SSL|ERR_OSSL|DEPTH_|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH|EPROTO)/;

/** Words for an error of TLS, by its code or, where a driver puts a code of its own over it, its text. Undefined for any other. */
export function tlsProblem(error: unknown, { config }: ConnectAttempt): ConnectWords | undefined {
  if (error instanceof NoTls || nameOf(error) === 'HANDSHAKE_NO_SSL_SUPPORT')
    return tlsWords(
      `The server offers no TLS, and ssl_mode ${tlsAsChosen(config)} asks for it.`,
      'Set up TLS on the server; or set ssl_mode to prefer, if you trust the network in between with the data.',
    );
  if (!tlsNames.test(nameOf(error))) return undefined;
  const told = `${nameOf(error)} ${serverText(error)}`;
  const words = (message: string, fix: string): ConnectWords =>
    tlsWords(`${message} (${serverText(error)}; ssl_mode is ${tlsAsChosen(config)})`, fix);
  if (/has.expired/i.test(told))
    return words("The server's certificate has expired.", 'Renew the certificate of the server.');
  if (/altname|HOSTNAME/i.test(told)) {
    return words(
      "The server's certificate is not for this host name.",
      'Give the host by a name that the certificate holds, or set ssl_mode to verify-ca.',
    );
  }
  if (/self.signed|unable.to.(get|verify)|CERT_/i.test(told)) {
    return words(
      "The server's certificate is not trusted.",
      'Give the certificate of its authority in ssl_root_cert, or set ssl_mode to require, which does not check it.',
    );
  }
  const fix = 'Check the TLS settings of the server; it must offer TLS 1.2 or later.';
  return words('TLS could not be set up with the server.', fix);
}

const lostNames =
  /^(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|ECONNRESET|EPIPE|ECONNABORTED|ENETDOWN|PROTOCOL_CONNECTION_LOST)$/;
const lostTexts = /^Connection (terminated|lost)|closed state|connection is closed|server closed/i;

/** Words for an error of the network. Undefined for any other. A server that restarts looks just like a wrong port: it may pass. */
export function networkProblem(error: unknown, attempt: ConnectAttempt, expected: Expected): ConnectWords | undefined {
  const name = nameOf(error);
  if (/^(ENOTFOUND|EAI_)/.test(name)) return unknownHost(attempt, name === 'EAI_AGAIN');
  if (!(error instanceof ConnectTimeout) && !lostNames.test(name) && !lostTexts.test(serverText(error)))
    return undefined;
  const [how, fix] = howLost(error, attempt, expected);
  if (how === undefined) {
    const message = 'The server closed the connection while it was being set up.';
    return { kind: 'transient', code: codes.connectionLost, message, fix };
  }
  const message = `${expected.name} cannot be reached at ${placeOf(attempt)} (${how}).`;
  return { kind: 'transient', code: codes.unreachable, message, fix };
}

function unknownHost({ config: { host } }: ConnectAttempt, mayPass: boolean): ConnectWords {
  const fix = 'Check the host name, and the DNS of the machine that Sluice runs on.';
  const message = mayPass ? `The name ${host} could not be looked up just now.` : `The name ${host} is not known.`;
  return { kind: mayPass ? 'transient' : 'config', code: codes.unreachable, path: 'host', message, fix };
}

/** How it could not be reached, undefined when it was; and what to do. */
function howLost(
  error: unknown,
  { config, connected, spoke }: ConnectAttempt,
  { name, listens }: Expected,
): readonly [string | undefined, string] {
  const late = error instanceof ConnectTimeout;
  const limit = `within ${config.connect_timeout} s`;
  if (!connected && nameOf(error) === 'ECONNREFUSED')
    return ['ECONNREFUSED', `Check host and port, that ${name} runs, and that ${listens} lets it listen there.`];
  if (!connected) return [late ? `no answer ${limit}` : nameOf(error), 'Check host, port and firewall.'];
  if (late) {
    const what = spoke ? 'the server stopped in the middle of its greeting' : 'nothing was said';
    const fix = `Check that ${name} listens at this port; if it does, it is overloaded, or a proxy before it has no server behind it.`;
    return [`the connection was taken, but ${what} ${limit}`, fix];
  }
  if (spoke) return [undefined, 'See the log of the server; it may be restarting.'];
  const fix = `Check that ${name} listens at this port; a proxy closes so when it has no server behind it.`;
  return ['it closed the connection without a word', fix];
}
