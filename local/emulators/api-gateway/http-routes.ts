import type { RouteSpec } from '../../template/deployment.ts';

export interface RouteMatch {
  readonly route: RouteSpec;
  /** Decoded values of the path variables. */
  readonly pathParameters: Readonly<Record<string, string>>;
}

interface CompiledRoute {
  readonly route: RouteSpec;
  readonly method: string;
  readonly pattern: RegExp;
  /** One digit per path segment, then one for the method. The lower rank is more specific and wins. */
  readonly rank: string;
}

/**
 * Chooses among the routes of an HTTP API like API Gateway. The most specific path wins: a literal segment before a
 * variable, a variable before a greedy variable. Then a named method wins over ANY. `$default` takes the rest. A
 * trailing slash makes another path, and a greedy variable may be empty.
 *
 * @returns a function from method and decoded path to the match
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html
 */
export function httpRouter(
  routes: readonly RouteSpec[],
): (method: string, path: string) => RouteMatch | undefined {
  const fallback = routes.find(({ routeKey }) => routeKey === '$default');
  const compiled = routes
    .filter((route) => route !== fallback)
    .map(compile)
    .sort((a, b) => (a.rank < b.rank ? -1 : 1));
  return (method, path) => {
    for (const { route, method: wanted, pattern } of compiled) {
      if (wanted !== 'ANY' && wanted !== method) continue;
      const match = pattern.exec(path);
      if (match) return { route, pathParameters: { ...match.groups } };
    }
    return fallback && { route: fallback, pathParameters: {} };
  };
}

function compile(route: RouteSpec): CompiledRoute {
  const [method = '', path = ''] = route.routeKey.split(' ');
  const segments = path.split('/').slice(1);
  const patterns = segments.map((segment) => {
    const [, name, greedy] = /^\{(\w+)(\+?)\}$/.exec(segment) ?? [];
    if (name === undefined) return { rank: '0', pattern: segment.replace(/[.*+?^${}()|[\]\\]/g, '\\$&') };
    return greedy ? { rank: '2', pattern: `(?<${name}>.*)` } : { rank: '1', pattern: `(?<${name}>[^/]+)` };
  });
  return {
    route,
    method,
    pattern: new RegExp(`^/${patterns.map(({ pattern }) => pattern).join('/')}$`, 's'),
    rank: patterns.map(({ rank }) => rank).join('') + (method === 'ANY' ? '1' : '0'),
  };
}
