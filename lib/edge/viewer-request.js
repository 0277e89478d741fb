/**
 * A CloudFront Function, and the local front door runs it for WebSockets, as the template has it. It writes addresses
 * as API Gateway knows them:
 *
 * - `/ws/tasks/<id>/` becomes `/ws?task=<id>`, and `/ws/batches/<id>/` becomes `/ws?batch=<id>`, as a WebSocket API has its stage's path alone; whatever else the query
 *   says is kept.
 * - `/api/tasks/` becomes `/api/tasks`, as an HTTP API takes a trailing slash for another path.
 */
// biome-ignore lint/correctness/noUnusedVariables: CloudFront calls a function of this name
function handler(event) {
  const request = event.request;
  if (request.uri.indexOf('/api/') === 0) {
    request.uri = request.uri.replace(/\/+$/, '');
    return request;
  }
  const match = /^\/ws(?:\/(tasks|batches)\/([^/]+))?\/?$/.exec(request.uri);
  if (!match) return { statusCode: 404, statusDescription: 'Not Found' };
  request.uri = '/ws';
  if (match[2] !== undefined)
    request.querystring[match[1] === 'tasks' ? 'task' : 'batch'] = { value: match[2] };
  return request;
}
