/** End-to-end tests: the whole platform, started as a user starts it, seen through its REST API and the databases alone. */
export {};
