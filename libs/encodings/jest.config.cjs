module.exports = require('../../jest.base.cjs')('encodings', __dirname);
