/**
 * Formats a Markdown table. Each column is as wide as its widest cell, so that the table is also readable in a
 * terminal.
 *
 * @param rows cells by column; a missing cell stays empty
 */
export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [heads, ...rows].map((row) => heads.map((_, column) => escaped(row[column] ?? '')));
  const widths = heads.map((_, column) => Math.max(3, ...cells.map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[]) =>
    `| ${widths.map((width, column) => (row[column] ?? '').padEnd(width)).join(' | ')} |`;
  const [head = [], ...body] = cells;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('\n');
}

/**
 * Returns the page with its generated parts replaced: the text between `<!-- bench:name -->` and `<!-- /bench -->`.
 *
 * @throws when the page lacks a place for a part
 */
export function filled(page: string, parts: Readonly<Record<string, string>>): string {
  let result = page;
  for (const [name, text] of Object.entries(parts)) {
    const open = `<!-- bench:${name} -->\n`;
    const from = result.indexOf(open);
    const to = result.indexOf('<!-- /bench -->', from);
    if (from === -1 || to === -1) throw new Error(`The page has no place for "${name}"`);
    result = `${result.slice(0, from + open.length)}${text}\n${result.slice(to)}`;
  }
  return result;
}

function escaped(cell: string): string {
  return cell.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
