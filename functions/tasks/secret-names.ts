/** Stands in the place of a value that is not shown. */
export const HIDDEN = '[hidden]';

/** Names of members, and of a URL's parameters, that say that their value is a secret. */
export const SAYS_SECRET =
  /auth(?!or)|cookie|credential|passw|passphrase|secret|signature|^sig$|token|api[-_]?key|access[-_]?key|private[-_]?key|^pwd$|^x-amz-/i;

/** A URL without the values of parameters whose names say that they are secrets. */
export function withoutSecretParameters(url: string): string {
  return url.replace(/([?&;])([^=&;#]+)=([^&;#]*)/g, (all, before: string, name: string) =>
    SAYS_SECRET.test(decoded(name)) ? `${before}${name}=${HIDDEN}` : all,
  );
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}
