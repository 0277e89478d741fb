/** What the processes of handlers do not get of the worker's environment: its database, its place in Lambda, and its rights. */
const NOT_FOR_HANDLERS = [
  'DATABASE_URL',
  'DATABASE_CA_FILE',
  'AWS_LAMBDA_RUNTIME_API',
  '_HANDLER',
  // With these one could log in to the database, which goes by IAM.
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
];

export function environmentOfHandlers(workers: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(workers).filter(([name]) => !NOT_FOR_HANDLERS.includes(name)));
}
