import { identifierQuoter } from '@sluice/sql';

/** Quotes a name or the parts of a path. A name of more than 63 bytes, which PostgreSQL would cut, is refused. */
export const quote = identifierQuoter({ quote: '"', limit: { bytes: 63 }, system: 'PostgreSQL' });

/** A string literal, for the statements that take no parameters (COPY, DDL). Sessions have standard_conforming_strings on. */
export const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;
