/** Runs every project's tests: `npx jest` at the root, or one project with `--selectProjects postgres`. */
module.exports = {
  projects: ['<rootDir>/{libs,plugins,apps,tools,test}/*/jest.config.cjs'],
  testTimeout: 60_000, // a project's own is ignored when several run together
};
