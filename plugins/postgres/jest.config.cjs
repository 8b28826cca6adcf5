module.exports = require('../../jest.base.cjs')('postgres', __dirname);
