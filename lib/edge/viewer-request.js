/**
 * A CloudFront Function; the local front door runs it too, as the template has it. It writes addresses as API Gateway
 * knows them:
 *
 * - `/ws/tasks/<id>/` becomes `/ws?task=<id>`, and `/ws/batches/<id>/` becomes `/ws?batch=<id>`, as a WebSocket API has
 *   its stage's path alone. The rest of the query is kept.
 * - `/api/tasks/` becomes `/api/tasks`, as an HTTP API takes a trailing slash for another path.
 *
 * It writes the client's address into a header, over what the client sent there: API Gateway sees CloudFront's address only.
 *
 * It refuses, by a problem document, requests that API Gateway would refuse by an answer of its own form.
 */

/** The largest documented body: that of `POST /api/tasks/bulk/`. */
const MAX_BODY_BYTES = 3000000;

/** API Gateway takes 10,240 bytes. CloudFront adds some hundred: the front door's secret, its own name, addresses. */
const MAX_HEAD_BYTES = 9000;

// biome-ignore lint/correctness/noUnusedVariables: CloudFront calls a function of this name
function handler(event) {
  const request = event.request;
  const refusal = refusalOf(request);
  if (refusal) return refusal;
  request.headers['x-client-address'] = { value: event.viewer.ip };
  if (request.uri === '/api' || request.uri.indexOf('/api/') === 0) {
    request.uri = request.uri.replace(/\/+$/, '');
    return request;
  }
  if (request.uri.indexOf('/.well-known/') === 0) return request;
  const match = /^\/ws(?:\/(tasks|batches)\/([^/]+))?\/?$/.exec(request.uri);
  if (!match) return problem(404, 'not_found', 'There is nothing here');
  request.uri = '/ws';
  if (match[2] !== undefined)
    request.querystring[match[1] === 'tasks' ? 'task' : 'batch'] = { value: match[2] };
  return request;
}

function refusalOf(request) {
  if (!isEncoded(request.uri)) {
    const detail =
      'The path must be percent-encoded UTF-8, without control characters, "?", "#" and "\\" in it';
    return problem(400, 'invalid_request', detail);
  }
  const length = request.headers['content-length'];
  if (length && Number(length.value) > MAX_BODY_BYTES) {
    const detail = `The body must not exceed ${MAX_BODY_BYTES} bytes`;
    return problem(413, 'body_too_large', detail);
  }
  if (headBytes(request) > MAX_HEAD_BYTES) {
    const detail = `The request line and the headers must not exceed ${MAX_HEAD_BYTES} bytes together`;
    return problem(431, 'headers_too_large', detail);
  }
  return undefined;
}

/** API Gateway decodes the path, and what it hands over is read as a URL: these characters would make it another path. */
function isEncoded(path) {
  try {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    return !/[\u0000-\u001f\u007f?#\\]/.test(decodeURIComponent(path));
  } catch (_) {
    return false;
  }
}

/** Bytes of the request line and the headers in HTTP/1.1, with the separators. */
function headBytes(request) {
  return (
    `${request.method} ${request.uri} HTTP/1.1\r\n`.length +
    bytesOf(request.querystring, 2) +
    bytesOf(request.headers, 4) +
    bytesOf(request.cookies, 3)
  );
}

function bytesOf(fields, separators) {
  let bytes = 0;
  for (const name in fields) {
    const values = fields[name].multiValue || [fields[name]];
    for (const each of values) bytes += name.length + each.value.length + separators;
  }
  return bytes;
}

const TITLES = {
  400: 'Bad Request',
  404: 'Not Found',
  413: 'Content Too Large',
  431: 'Request Header Fields Too Large',
};

function problem(status, code, detail) {
  const title = TITLES[status];
  return {
    statusCode: status,
    statusDescription: title,
    headers: {
      'content-type': { value: 'application/problem+json' },
      'cache-control': { value: 'no-store' },
    },
    body: JSON.stringify({
      type: 'about:blank',
      title: title,
      status: status,
      code: code,
      detail: detail,
      error: detail,
    }),
  };
}
