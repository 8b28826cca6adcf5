module.exports = require('../../jest.base.cjs')('gateway', __dirname);
