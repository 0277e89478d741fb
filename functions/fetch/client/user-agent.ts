const NAME = 'Celeriac/0.1';

/**
 * Returns the User-Agent of every outbound request. Callers cannot set it: an operator who receives unwanted requests
 * must be able to find their sender.
 *
 * @param installation URL of the installation, where its operator can be found; empty when it is not configured
 */
export function userAgentOf(installation: string): string {
  return installation === '' ? NAME : `${NAME} (+${installation})`;
}
