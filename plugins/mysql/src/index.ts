/** The MySQL family: MySQL, MariaDB and, as a destination, SingleStore. */
import { source } from './source/source.js';

export default [source];
