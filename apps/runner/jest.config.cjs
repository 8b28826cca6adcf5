module.exports = require('../../jest.base.cjs')('runner', __dirname);
