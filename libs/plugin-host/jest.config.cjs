module.exports = require('../../jest.base.cjs')('plugin-host', __dirname);
