/** The contract version this host speaks. */
export const contractVersion = 1;

/** A package that says in its package.json that it is a plugin. Nothing of it has been imported. */
export interface Found {
  /** The package's name. */
  readonly package: string;
  readonly version: string;
  /** Absolute path, links resolved. */
  readonly folder: string;
  /** Absolute path of the module that exports the plugin. */
  readonly entry: string;
  /** Names it promises to have (ids and variants), when it says so: only then can others be skipped unread. */
  readonly provides?: readonly string[];
}

/** A plugin, or a package that wants to be one, that cannot be used; `reason` says why, in a sentence. */
export interface Refusal {
  /** The package's name; of a root that holds no plugin its absolute path. */
  readonly package: string;
  readonly folder: string;
  readonly reason: string;
  /** What was thrown, when something was: never replaced by a guess. */
  readonly cause?: unknown;
}
export interface Findings {
  readonly found: readonly Found[];
  readonly refusals: readonly Refusal[];
}
