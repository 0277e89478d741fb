/**
 * Returns the header that makes a browser save an answer under this name, and never show it. A name that is not plain ASCII is
 * given twice: for all clients, and exactly for those that read `filename*`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc6266
 */
export function contentDisposition(fileName: string): string {
  const plain = fileName.replace(/[^\x20-\x7e]|["\\%]/g, '_');
  const saved = `attachment; filename="${plain}"`;
  return plain === fileName ? saved : `${saved}; filename*=UTF-8''${encoded(fileName)}`;
}

/** Percent-encodes everything but the characters that RFC 8187 allows. */
function encoded(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replace(
    /[!'()*]/g,
    (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
