/** TLS in the words of libpq, the same in every connector of a database: option `ssl_mode`, and `ssl_root_cert` for the authority. */
import type { Finding } from './contract.js';

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

/** The mode as a message names it. */
export const tlsAsChosen = (config: TlsConfig): string =>
  config.ssl_mode === undefined ? `${tlsModeOf(config)} (the default for a server elsewhere)` : config.ssl_mode;

/** For `check`: a line that is not encrypted, or that does not say who answers. */
export function tlsFindings(config: TlsConfig, encrypted: boolean): readonly Finding[] {
  if (encrypted && tlsChecks(config).certificate) return [];
  const message = encrypted
    ? 'The connection is encrypted, but the certificate of the server is not checked.'
    : 'The connection is not encrypted: the data can be read on the way.';
  const code = encrypted ? 'tls-unverified' : 'no-tls';
  return [{ code, severity: 'warning', message, fix: 'Set ssl_mode to verify-full.' }];
}
