import type { Variant } from '@sluice/connector-sdk';

/** Flavours under names of their own: what users choose as connector type. */
export const variants = {
  mysql: { title: 'MySQL', description: 'MySQL 5.7, 8 and 9, and services that speak its protocol.' },
  mariadb: { title: 'MariaDB', description: 'MariaDB 10.5 and later.' },
  singlestore: { title: 'SingleStore', description: 'SingleStore 7.8 and later, over the MySQL protocol.' },
} satisfies Record<string, Variant>;
