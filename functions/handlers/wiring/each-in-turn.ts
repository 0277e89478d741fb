type Parts = Readonly<Record<string, () => Promise<unknown>>>;

/**
 * Runs all parts one after the other. A part that fails does not stop the parts after it.
 *
 * @param onFailure called with the name and the error of each part that failed
 * @returns the results of the parts that succeeded, and the names of the parts that failed
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
