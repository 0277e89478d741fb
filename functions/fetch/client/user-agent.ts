const NAME = 'Celeriac/0.1';

/**
 * How every outbound request names its sender. Callers cannot set it: whoever gets requests that nobody wanted must be able to find
 * out where they come from.
 *
 * @param installation URL of the installation, where its operator can be found; empty when nobody has set one
 */
export function userAgentOf(installation: string): string {
  return installation === '' ? NAME : `${NAME} (+${installation})`;
}
