import { conformance, memoryDestination } from './index.js';

const { plugin, options } = memoryDestination();
conformance(plugin, options);
