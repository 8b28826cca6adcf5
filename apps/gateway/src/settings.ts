/** What the gateway reads from its environment beside what every app reads. */
import { whole } from '@sluice/service';
import { authSettings, type AuthSettings } from './auth/settings.js';

export interface GatewaySettings {
  readonly port: number;
  /** The largest request body, in bytes. */
  readonly bodyLimit: number;
  readonly auth: AuthSettings;
}

export const gatewaySettings = (env: NodeJS.ProcessEnv = process.env): GatewaySettings => ({
  port: whole(env, 'SLUICE_PORT', 8080, 0, 65_535),
  bodyLimit: whole(env, 'SLUICE_BODY_LIMIT', 1024 * 1024, 1024, 64 * 1024 * 1024),
  auth: authSettings(env),
});
