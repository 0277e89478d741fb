/**
 * Variables that handler processes get from the worker. It is an allow list: a new variable of the worker is not passed on. The
 * database, Lambda's runtime API and the worker's AWS rights, which allow a login to the database, are not on the list.
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
