module.exports = require('../../jest.base.cjs')('service', __dirname);
