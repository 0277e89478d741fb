/**
 * Variables of the worker that the processes of handlers get. It is a list of what is allowed: a variable that is added to the worker
 * stays there. Not on it are the database, Lambda's runtime API, and the worker's rights, with which one could log in to the database.
 */
const FOR_HANDLERS = [
  'PATH',
  'LANG',
  'TZ',
  'STAGE',
  'NODE_OPTIONS',
  'INSTALLATION_URL',
  'OUTBOUND_LOOPBACK',
  'OUTBOUND_NAME_SERVERS',
  'AWS_REGION',
  'AWS_EXECUTION_ENV',
  'POWERTOOLS_LOG_LEVEL',
  'POWERTOOLS_SERVICE_NAME',
];

export function environmentOfHandlers(workers: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(workers).filter(([name]) => FOR_HANDLERS.includes(name)));
}
