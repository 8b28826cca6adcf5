// @ts-check
// A test that is stopped ends by itself, and so takes along what it started.
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(name, () => process.exit(1));
