import { expect, test } from 'vitest';
import { keyHeader } from './key-header.ts';

test('the key goes into the header that the host expects', () => {
  expect(keyHeader('https://api.coingecko.com/api/v3', 'k')).toEqual({ 'x-cg-demo-api-key': 'k' });
  expect(keyHeader('https://pro-api.coingecko.com/api/v3', 'k')).toEqual({ 'x-cg-pro-api-key': 'k' });
});

test('without a key there is no header', () => {
  expect(keyHeader('https://api.coingecko.com/api/v3', '')).toEqual({});
});
