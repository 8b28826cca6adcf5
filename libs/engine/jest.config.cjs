module.exports = require('../../jest.base.cjs')('engine', __dirname);
