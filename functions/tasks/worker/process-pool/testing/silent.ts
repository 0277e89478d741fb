/** A runner's program that never gets as far as serving. */
setInterval(() => {}, 60_000);
