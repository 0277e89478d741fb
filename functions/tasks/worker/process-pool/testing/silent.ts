/** A runner's program that never becomes ready. */
setInterval(() => {}, 60_000);
