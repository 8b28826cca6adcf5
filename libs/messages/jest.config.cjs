module.exports = require('../../jest.base.cjs')('messages', __dirname);
