/** Replaces a hidden value. */
export const HIDDEN = '[hidden]';

/** Names of members and of URL parameters that mark their value as a secret. */
export const SAYS_SECRET =
  /auth(?!or)|cookie|credential|passw|passphrase|secret|signature|^sig$|token|api[-_]?key|access[-_]?key|private[-_]?key|^pwd$|^x-amz-/i;

/** Returns a URL without the values of parameters whose names mark them as secrets. */
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
