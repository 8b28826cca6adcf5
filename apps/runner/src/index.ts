export { RUNNER_SETTINGS, Runner, RunnerModule, WORKER_SCRIPT } from './runner.module.js';
export { runnerSettings, type RunnerSettings } from './runner-settings.js';
