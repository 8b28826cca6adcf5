module.exports = require('../../jest.base.cjs')('scheduler', __dirname);
