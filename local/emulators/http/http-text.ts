/** Returns the headers of a request in their order, from the list in which names and values alternate. */
export function headerPairs(rawHeaders: readonly string[]): [name: string, value: string][] {
  return rawHeaders.flatMap((name, index): [string, string][] =>
    index % 2 === 0 ? [[name, rawHeaders[index + 1] ?? '']] : [],
  );
}

/** Formats the head of a request or an answer. @param start its first line */
export function rawHead(start: string, headers: Iterable<readonly [string, unknown]>): string {
  const lines = Array.from(headers, ([name, value]) => `${name}: ${value}`);
  return `${[start, ...lines].join('\r\n')}\r\n\r\n`;
}

/** Splits a text at the first separator. The second part is empty when there is none. */
export function splitOnce(text: string, separator: string): [string, string] {
  const position = text.indexOf(separator);
  return position < 0 ? [text, ''] : [text.slice(0, position), text.slice(position + 1)];
}
