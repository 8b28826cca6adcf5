import { newKeyPair, seal } from './sealed.js';

test('only the pair it was sealed for opens it, in the context it was sealed in', () => {
  const pair = newKeyPair('run 1');
  const sealed = seal({ password: 'p€ss' }, pair.publicKey, 'run 1');
  expect(JSON.stringify(sealed)).not.toContain('p€ss');
  expect(pair.open(sealed)).toEqual({ password: 'p€ss' });
  expect(() => newKeyPair('run 1').open(sealed)).toThrow();
  expect(() => pair.open(seal({}, pair.publicKey, 'run 2'))).toThrow();
});

test('one flipped bit is noticed', () => {
  const pair = newKeyPair('x');
  const sealed = seal('secret', pair.publicKey, 'x');
  const bytes = Buffer.from(sealed.box, 'base64url');
  bytes[0]! ^= 1;
  expect(() => pair.open({ ...sealed, box: bytes.toString('base64url') })).toThrow();
});
