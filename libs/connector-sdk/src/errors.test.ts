import { ConfigError, DataError, FencedError, LostPositionError, TransientError, isSluiceError } from './errors.js';

test('each class says whose turn it is, with a stable code and its cause', () => {
  const cause = new Error('ECONNREFUSED');
  const errors = [
    [new ConfigError('no', { cause, path: ['host'], code: 'unreachable' }), 'config', 'unreachable'],
    [new TransientError('later', { cause, retryAfter: 500 }), 'transient', 'connection-lost'],
    [new DataError('bad', { cause, stream: 'a.b' }), 'data', 'value-rejected'],
    [new LostPositionError('gone', '0/1', '0/9', { cause }), 'lost-position', 'lost-position'],
    [new FencedError('taken', { cause }), 'fenced', 'fenced'],
  ] as const;
  for (const [error, cls, code] of errors) {
    expect([error.class, error.code, error.cause, error.name]).toEqual([cls, code, cause, error.constructor.name]);
    expect(isSluiceError(error, cls)).toBe(true);
    expect(isSluiceError(error, cls === 'config' ? 'data' : 'config')).toBe(false);
  }
});

test('an error of another copy of the SDK is recognised, and a stranger is not', () => {
  let other: typeof import('./errors.js') | undefined;
  jest.isolateModules(() => (other = jest.requireActual('./errors.js')));
  const foreign = new other!.TransientError('later');
  expect(foreign).not.toBeInstanceOf(TransientError);
  expect(isSluiceError(foreign, 'transient')).toBe(true);
  expect(isSluiceError(Object.assign(new Error('x'), { class: 'transient', code: 'x' }))).toBe(false);
});
