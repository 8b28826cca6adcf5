import { shadowName, shadowPrefix } from './shadow-name.js';

test('a shadow is found again by lane, target and generation, and fits every system', () => {
  const name = shadowName('pipeline/1/public.orders', ['orders'], 3);
  expect(name).toBe(shadowName('pipeline/1/public.orders', ['orders'], 3));
  expect(name).toMatch(/^_sluice_shadow_[0-9a-f]{12}_[0-9a-f]{8}_3$/);
  expect(name.startsWith(shadowPrefix('pipeline/1/public.orders'))).toBe(true);
  const others = [
    shadowName('pipeline/1/public.orders', ['orders'], 4),
    shadowName('pipeline/1/public.orders', ['sales', 'orders'], 3),
    shadowName('pipeline/2/public.orders', ['orders'], 3),
  ];
  expect(new Set([name, ...others]).size).toBe(4);
  expect(shadowName('x'.repeat(5000), ['y'.repeat(5000)], Number.MAX_SAFE_INTEGER).length).toBeLessThanOrEqual(63);
});
