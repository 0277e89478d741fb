/**
 * Replaces the server in a function's DATABASE_URL by one on this machine: password login instead of IAM login, and no
 * TLS. A URL without a role belongs to the owner, who reads a secret; it gets no password.
 */
export function localDatabaseUrl(
  databaseUrl: string,
  { host, port, passwordOf }: { host: string; port: number; passwordOf: (role: string) => string },
): string {
  const url = new URL(databaseUrl);
  url.hostname = host;
  url.port = String(port);
  url.search = '';
  if (url.username) url.password = passwordOf(url.username);
  return url.href;
}
