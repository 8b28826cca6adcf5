module.exports = require('../../jest.base.cjs')('connector-kit', __dirname);
