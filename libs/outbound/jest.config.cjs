module.exports = require('../../jest.base.cjs')('outbound', __dirname);
