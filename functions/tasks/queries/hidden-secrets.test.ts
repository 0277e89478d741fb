import { expect, test } from 'vitest';
import { JsonText } from '../../exact-json/json-text.ts';
import { HIDDEN } from '../secret-names.ts';
import { withoutSecrets } from './hidden-secrets.ts';

const hiding = (text: string) => withoutSecrets(new JsonText(text)).text;

test('a header is hidden unless it is known to be harmless, in every place with headers', () => {
  const headers = {
    Authorization: 'Bearer abc',
    'X-Acme': 'abc',
    __proto__x: 'abc',
    'content-type': 'text/plain',
    Accept: '*/*',
  };
  const shown = { ...headers, Authorization: HIDDEN, 'X-Acme': HIDDEN, __proto__x: HIDDEN };
  const url = 'https://example.com/';
  expect(JSON.parse(hiding(JSON.stringify({ url, headers })))).toEqual({ url, headers: shown });
  // The rest of the payload contains no word for a secret.
  expect(hiding('{"headers":{"X-Acme":"abc"}}')).toBe(`{"headers":{"X-Acme":"${HIDDEN}"}}`);
  // The form in which an import stores the defaults of its lines.
  const defaults = { kind: 'http.request', payload: { url, headers } };
  expect(JSON.parse(hiding(JSON.stringify({ defaults })))).toEqual({
    defaults: { kind: 'http.request', payload: { url, headers: shown } },
  });
});

test('a member with the name of a secret is hidden with all its contents', () => {
  for (const name of [
    'password',
    'api_key',
    'apiKey',
    'API-Key',
    'access_token',
    'client_secret',
    'cookie',
    'x-amz-security-token',
  ]) {
    expect(hiding(`{"a":[{"${name}":{"b":["secret", {"token":1}]}}],"c":1}`)).toBe(
      `{"a":[{"${name}":"${HIDDEN}"}],"c":1}`,
    );
  }
  expect(hiding('{"pass\\u0077ord":"secret"}')).toBe(`{"pass\\u0077ord":"${HIDDEN}"}`);
});

test('a URL parameter with the name of a secret loses its value', () => {
  expect(hiding('{"url":"https://example.com/a?page=2&api_key=abc&X-Amz-Signature=0f#top"}')).toBe(
    `{"url":"https://example.com/a?page=2&api_key=${HIDDEN}&X-Amz-Signature=${HIDDEN}#top"}`,
  );
  expect(hiding('{"url":"https://example.com/?%74oken=abc"}')).toBe(
    `{"url":"https://example.com/?%74oken=${HIDDEN}"}`,
  );
});

test('everything else stays as it was written', () => {
  for (const text of [
    '{"body":{"n":12345678901234567890.10,"author":"Ada","monkey":1},"url":"https://example.com/?q=token"}',
    '{ "text" : "password: swordfish" }',
    '{"key":"value","keys":[1]}',
    '[]',
    'null',
  ]) {
    expect(hiding(text)).toBe(text);
  }
  expect(hiding('{"n":1.50,"token":"abc","m":[2.0, {}]}')).toBe(
    `{"n":1.50,"token":"${HIDDEN}","m":[2.0, {}]}`,
  );
});
