/** The MySQL family: MySQL, MariaDB and, as a destination, SingleStore. */
import { destination } from './destination/destination.js';
import { source } from './source/source.js';

export default [source, destination];
