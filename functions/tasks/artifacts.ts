/** Storage of objects that are too large for a row. Keys are paths: `uploads/<organization>/<id>`. */
export type Artifacts = {
  /**
   * Returns an address to which anybody may PUT this object until the address expires.
   *
   * @param bytes the exact length of the object; any other length is refused
   */
  presignUpload: (key: string, bytes: number, expiresSeconds: number) => string;
  /**
   * Returns an address from which anybody may GET this object until the address expires.
   *
   * @param fileName name under which a browser saves the object
   */
  presignDownload: (key: string, fileName: string, expiresSeconds: number) => string;
  /** Looks an object up. Resolves to undefined when there is none. */
  head: (key: string) => Promise<Head | undefined>;
  /**
   * Reads an object from its beginning; undefined when there is none. The reader may be as slow as it likes. Reading rejects when
   * the transfer breaks off for good, or when another object replaces this one meanwhile.
   */
  readStream: (key: string, signal?: AbortSignal) => Promise<Stream | undefined>;
  put: (key: string, content: string | Uint8Array, contentType: string) => Promise<void>;
  /** Removes an object. A missing object is no error. */
  remove: (key: string) => Promise<void>;
};

/** An object's length in bytes, and its ETag, which differs for different content. */
export type Head = { bytes: number; etag: string };

export type Stream = Head & { content: AsyncIterable<Uint8Array> };
