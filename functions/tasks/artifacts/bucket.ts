/** Storage of objects that are too large for a row. Keys are paths: `uploads/<organization>/<id>`. */
export type Bucket = {
  /**
   * Returns an address to which anybody may PUT this object until the address expires.
   *
   * @param bytes the exact length of the object; any other length is refused
   */
  presignUpload: (key: string, bytes: number, expiresSeconds: number) => string;
  /** Returns an address to which anybody may PUT exactly this content until the address expires. */
  presignContent: (key: string, content: ContentTerms, expiresSeconds: number) => ContentAddress;
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
  /** Begins an object that comes in parts. @returns its upload id */
  beginParts: (key: string, mediaType: string) => Promise<string>;
  /** Makes the object of all its parts, in order. @throws when a part is missing or differs */
  completeParts: (key: string, uploadId: string, parts: readonly Part[]) => Promise<void>;
  /** Removes the parts of an object that is not completed. A missing upload is no error. */
  abortParts: (key: string, uploadId: string) => Promise<void>;
};

/** A content that an address takes: S3 refuses every other length, checksum and media type. */
export type ContentTerms = {
  bytes: number;
  /** SHA-256 of the content, 64 hexadecimal digits. */
  sha256: string;
} & (
  | { mediaType: string; part?: never }
  /** One part of an object that comes in parts, numbered from 1. */
  | { mediaType?: never; part: { uploadId: string; number: number } }
);

/** An address, and the headers that must be sent to it. */
export type ContentAddress = { url: string; headers: Record<string, string> };

/** A part that was uploaded. `sha256` is hexadecimal. */
export type Part = { etag: string; sha256: string };

/** An object's length in bytes, and its ETag, which differs for different content. */
export type Head = { bytes: number; etag: string };

export type Stream = Head & { content: AsyncIterable<Uint8Array> };
