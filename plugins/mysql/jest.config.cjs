module.exports = require('../../jest.base.cjs')('mysql', __dirname);
