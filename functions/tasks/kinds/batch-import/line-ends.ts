const LF = 0x0a;
const CR = 0x0d;

/**
 * Counts the line ends of a text that comes in pieces: LF, CR LF and CR each end one line.
 *
 * @returns a function that takes the next piece, and returns the count so far
 */
export function lineEndCounter(): (piece: Uint8Array) => number {
  let count = 0;
  let endsWithCr = false;
  // Looks at each byte. A search for each line end is many times slower in a text that consists of line ends.
  return (piece) => {
    for (const byte of piece) {
      if (byte === CR || (byte === LF && !endsWithCr)) count += 1;
      endsWithCr = byte === CR;
    }
    return count;
  };
}
