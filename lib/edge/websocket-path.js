/**
 * A CloudFront Function, and the local front door runs it too, as the template has it. API Gateway knows a WebSocket
 * API's stage alone: `/ws/tasks/<id>/` becomes `/ws?task=<id>`; whatever else the query says is kept.
 */
// biome-ignore lint/correctness/noUnusedVariables: CloudFront calls a function of this name
function handler(event) {
  const request = event.request;
  const match = /^\/ws(?:\/tasks\/([^/]+))?\/?$/.exec(request.uri);
  if (!match) return { statusCode: 404, statusDescription: 'Not Found' };
  request.uri = '/ws';
  if (match[1] !== undefined) request.querystring.task = { value: match[1] };
  return request;
}
