/** TLS in the words of libpq, the same in every connector of a database: option `ssl_mode`, and `ssl_root_cert` for the authority. */
import { codes } from './codes.js';
import type { Finding } from './contract.js';
import { ConfigError } from './errors.js';

/**
 * 'disable': none. 'allow', 'prefer': when the server insists on it, or has it. 'require': encrypted, whoever answers; with an
 * authority as 'verify-ca'. 'verify-ca': the certificate is checked. 'verify-full': the host name too.
 */
export const tlsModes = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
export type TlsMode = (typeof tlsModes)[number];
export interface TlsConfig {
  readonly host: string;
  readonly ssl_mode?: TlsMode | undefined;
  readonly ssl_root_cert?: string | undefined;
}

const thisMachine = /^(?:localhost|127(?:\.\d{1,3}){3}|::1)$/i;

/** The mode that was chosen, or else 'verify-full'; 'prefer' for a server on this machine, where nobody is in between. */
export const tlsModeOf = ({ host, ssl_mode: mode }: TlsConfig): TlsMode =>
  mode ?? (thisMachine.test(host) ? 'prefer' : 'verify-full');

/** What the mode asks of the server's certificate. */
export function tlsChecks(config: TlsConfig): { readonly certificate: boolean; readonly name: boolean } {
  const mode = tlsModeOf(config);
  const full = mode === 'verify-full';
  const withAuthority = mode === 'require' && config.ssl_root_cert !== undefined;
  return { certificate: full || mode === 'verify-ca' || withAuthority, name: full };
}

/** For `title` and `description` of the two options, so that they read the same everywhere. */
export const tlsOptions = {
  ssl_mode: {
    title: 'TLS mode',
    description:
      'As in libpq: verify-full checks the certificate and the host name, verify-ca the certificate, require only encrypts, prefer and allow fall back to no TLS. When left out: verify-full, and prefer for a server on this machine (localhost).',
  },
  ssl_root_cert: {
    title: 'Root certificate',
    description: 'Certificate authorities to trust, in PEM form; the usual public ones when left out.',
  },
} as const;

const trustFailure = /^(?:CERT_|ERR_TLS_|ERR_SSL_|ERR_OSSL_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH)/;

/** True for the code of a failed handshake, as Node and OpenSSL name them. */
export const isTlsFailure = (code: unknown): code is string => typeof code === 'string' && trustFailure.test(code);

const tlsError = (message: string, fix: string, cause: unknown): ConfigError =>
  new ConfigError(message, { code: codes.tls, path: ['ssl_mode'], fix, cause });

/** The mode asks for TLS and the server has none: nothing secret has been sent. */
export const tlsMissing = (config: TlsConfig, cause: unknown): ConfigError =>
  tlsError(
    `The server does not offer TLS, and ssl_mode ${asChosen(config)} asks for it.`,
    'Set up TLS on the server; or set ssl_mode to prefer, if you trust the network in between with the data.',
    cause,
  );

/** The handshake failed; `why` is Node's code or what stands for it. Nothing secret has been sent. */
export function tlsUntrusted(config: TlsConfig, why: string, cause: unknown): ConfigError {
  const message = `The server's certificate was not accepted (${why}); ssl_mode is ${asChosen(config)}.`;
  const fix =
    why === 'ERR_TLS_CERT_ALTNAME_INVALID'
      ? 'Set host to a name that the certificate is for; or set ssl_mode to verify-ca, which does not ask for the name.'
      : "Set ssl_root_cert to the certificate of the server's authority; or set ssl_mode to require, which encrypts without asking who answers.";
  return tlsError(message, fix, cause);
}
const asChosen = (config: TlsConfig): string =>
  config.ssl_mode === undefined ? `${tlsModeOf(config)} (the default for a server elsewhere)` : config.ssl_mode;

/** For `check`: a line that is not encrypted, or that does not say who answers. */
export function tlsFindings(config: TlsConfig, encrypted: boolean): readonly Finding[] {
  if (encrypted && tlsChecks(config).certificate) return [];
  const message = encrypted
    ? 'The connection is encrypted, but the certificate of the server is not checked.'
    : 'The connection is not encrypted: the data can be read on the way.';
  const code = encrypted ? 'tls-unverified' : 'tls-off';
  return [{ code, severity: 'warning', message, fix: 'Set ssl_mode to verify-full.' }];
}
