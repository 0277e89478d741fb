/**
 * Returns the page with its generated parts replaced: the text between `<!-- topic:name -->` and `<!-- /topic -->`.
 *
 * @param parts the texts by name
 * @throws when a part has no place in the page, or when a place has no part
 */
export function fill(page: string, parts: Readonly<Record<string, string>>): string {
  const places = [...page.matchAll(/<!-- \w+:([a-z-]+) -->/g)].map(([, name]) => name ?? '');
  const wrong = [
    ...Object.keys(parts).filter((name) => places.filter((place) => place === name).length !== 1),
    ...places.filter((place) => !(place in parts)),
  ];
  if (wrong.length > 0)
    throw new Error(`These parts do not have exactly one place in the page: ${wrong.join(', ')}`);
  return page.replaceAll(
    /(?<=<!-- (\w+):([a-z-]+) -->\n)[\s\S]*?(?=<!-- \/\1 -->)/g,
    (_, _topic: string, name: string) => `${parts[name]}\n`,
  );
}
