module.exports = require('../../jest.base.cjs')('connector-sdk', __dirname);
