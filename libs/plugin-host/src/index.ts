export { configSchemaOf, joinSecrets, secretPaths, splitSecrets, validateConfig } from './config.js';
export { findPlugins } from './find-plugins.js';
export { contractVersion, type Findings, type Found, type Refusal } from './found.js';
export { pluginRoots } from './plugin-roots.js';
export { loadPlugin, sayRefusal, namesOf, type Plugin } from './load-plugin.js';
export { openRegistry, type PluginInfo, type Registry, type Resolved } from './registry.js';
