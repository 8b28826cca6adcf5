module.exports = require('../../jest.base.cjs')('docs', __dirname);
