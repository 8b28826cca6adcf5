import { conformance, memorySource } from './index.js';

const { plugin, options } = memorySource();
conformance(plugin, options);
