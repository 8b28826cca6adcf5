module.exports = require('../../jest.base.cjs')('sql', __dirname);
