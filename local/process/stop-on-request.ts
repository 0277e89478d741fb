/** Seconds after which a stop that hangs is ended by force. */
const STOP_SECONDS = 20;

/**
 * Calls `stop` at a signal, or when the npm that started this process was killed. A second signal exits at once.
 *
 * @param what text that is printed when the stop begins
 */
export function stopOnRequest(stop: () => Promise<void>, what: string): void {
  let isStopping = false;
  const end = async () => {
    if (isStopping) process.exit(1);
    isStopping = true;
    console.log(what);
    setTimeout(() => process.exit(1), STOP_SECONDS * 1000).unref();
    await stop();
    process.exit(0);
  };
  process.on('SIGINT', end);
  process.on('SIGTERM', end);
  process.on('SIGHUP', end);
  const parent = process.ppid;
  if (process.env.npm_lifecycle_event === undefined) return;
  setInterval(() => {
    if (process.ppid !== parent && !isStopping) void end();
  }, 500).unref();
}
