module.exports = require('../../jest.base.cjs')('catalog', __dirname);
