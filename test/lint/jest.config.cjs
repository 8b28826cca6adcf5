module.exports = require('../../jest.base.cjs')('lint-rules', __dirname);
