/** Files of the task's organization, for a running attempt. */
export interface TaskArtifacts {
  /**
   * Opens an artifact of the organization that is ready, or one that this attempt has stored.
   *
   * @throws PermanentError `artifact_not_found`: equally for one of another organization, and one that is expired, deleted or not
   *   uploaded
   * @throws RetryError `artifacts_unavailable` when the storage or the database does not answer
   */
  open(id: string): Promise<OpenArtifact>;
  /**
   * Begins an artifact. Nothing is sent before there is content.
   *
   * The artifact becomes ready for others when the attempt completes. When the attempt fails or dies, the artifact is removed.
   */
  create(file: NewArtifactFile): ArtifactWriter;
}

export interface NewArtifactFile {
  /** 1 to 255 characters in one line, without `/` and `\`. */
  readonly name: string;
  /** For example `text/csv`. */
  readonly mediaType: string;
}

/** An artifact that has its content. */
export interface StoredArtifact extends NewArtifactFile {
  readonly id: string;
  readonly bytes: number;
  /** 64 hexadecimal digits. */
  readonly sha256: string;
}

export interface OpenArtifact extends StoredArtifact {
  /**
   * The content from its beginning, in pieces of at most 64 KiB, at the pace of the reader. Each iteration reads anew. It rejects
   * with RetryError `artifacts_unavailable`, or with the reason of the attempt's signal.
   */
  readonly content: AsyncIterable<Uint8Array>;
}

/** Content of an artifact: text is written as UTF-8. A readable stream of Node is such an iterable. */
export type ArtifactContent = string | Uint8Array | AsyncIterable<string | Uint8Array>;

/**
 * Writes one artifact. At most 8 MiB wait in memory. A method that throws ends the artifact.
 *
 * Errors: PermanentError `artifact_invalid` (name or media type), `artifact_too_large`, `too_many_artifacts` and
 * `artifacts_too_large` (quotas, with `limit` and `used`); RetryError `artifacts_unavailable`; the reason of the attempt's signal.
 */
export interface ArtifactWriter {
  /** Adds a piece. Await it before the next piece: it resolves when there is room. */
  write(piece: string | Uint8Array): Promise<void>;
  /** Writes the whole content, and stores it. */
  put(content: ArtifactContent): Promise<StoredArtifact>;
  /** Stores what was written. */
  end(): Promise<StoredArtifact>;
  /** Gives the artifact up. */
  abort(): Promise<void>;
}
