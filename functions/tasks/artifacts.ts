/** What is too large for a row. Keys are paths: `uploads/<organization>/<id>`. */
export type Artifacts = {
  /**
   * An address to which anybody may PUT this object, until it expires.
   *
   * @param bytes the object's length, exactly: another one is refused
   */
  presignUpload: (key: string, bytes: number, expiresSeconds: number) => string;
  /** An address from which anybody may GET this object, until it expires. @param fileName as which a browser saves it */
  presignDownload: (key: string, fileName: string, expiresSeconds: number) => string;
  /** Looks an object up. Resolves to undefined when there is none. */
  head: (key: string) => Promise<Head | undefined>;
  /**
   * An object from its beginning; undefined when there is none. May be read as slowly as one likes. What
   * breaks off for good rejects while it is read, and so does an object that is replaced by another one meanwhile.
   */
  readStream: (key: string, signal?: AbortSignal) => Promise<Stream | undefined>;
  put: (key: string, content: string | Uint8Array, contentType: string) => Promise<void>;
  /** Not having been there is no error. */
  remove: (key: string) => Promise<void>;
};

/** An object's length in bytes, and its ETag: another one for each content. */
export type Head = { bytes: number; etag: string };

export type Stream = Head & { content: AsyncIterable<Uint8Array> };
