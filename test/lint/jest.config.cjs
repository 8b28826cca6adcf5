module.exports = require('../../jest.base.cjs')('lint', __dirname);
