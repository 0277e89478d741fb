type Parts = Readonly<Record<string, () => Promise<unknown>>>;

/**
 * Runs one after the other, each whatever became of those before it.
 *
 * @param onFailure told of each that failed, by its name
 * @returns the results of those that succeeded, and the names of those that did not
 */
export async function eachInTurn<P extends Parts>(
  parts: P,
  onFailure: (name: string, error: unknown) => void,
): Promise<{ results: { [Name in keyof P]?: Awaited<ReturnType<P[Name]>> }; failed: string[] }> {
  const results: Record<string, unknown> = {};
  const failed: string[] = [];
  for (const [name, part] of Object.entries(parts)) {
    try {
      results[name] = await part();
    } catch (error) {
      failed.push(name);
      onFailure(name, error);
    }
  }
  return { results: results as { [Name in keyof P]?: Awaited<ReturnType<P[Name]>> }, failed };
}
