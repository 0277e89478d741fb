import type { ArtifactWriter, StoredArtifact, TaskArtifacts } from '../../../task-artifacts.ts';
import { MAX_INLINE_BYTES } from './bounds.ts';

export type Spooled = { readonly text: string } | { readonly artifact: StoredArtifact };

/** Code units that are written to an artifact at once. */
const WRITE = 65_536;

/**
 * Takes a text of any length: a short one is kept, a longer one becomes an artifact. A text with NUL becomes an artifact too, because
 * results cannot hold NUL.
 */
export class Spool {
  readonly #create: () => ArtifactWriter;
  #waiting = '';
  #writer: ArtifactWriter | undefined;
  #always: boolean;

  /** @param always a short text becomes an artifact too */
  constructor(artifacts: TaskArtifacts, file: { name: string; mediaType: string; always?: boolean }) {
    const { name, mediaType, always = false } = file;
    this.#create = () => artifacts.create({ name, mediaType });
    this.#always = always;
  }

  async write(text: string): Promise<void> {
    this.#always ||= text.includes('\0');
    this.#waiting += text;
    const max = this.#writer || this.#always ? WRITE : MAX_INLINE_BYTES;
    if (this.#waiting.length > max || Buffer.byteLength(this.#waiting) > max) await this.#flush();
  }

  async end(): Promise<Spooled> {
    if (!this.#writer && !this.#always) return { text: this.#waiting };
    await this.#flush();
    return { artifact: await this.#open().end() };
  }

  #open(): ArtifactWriter {
    this.#writer ??= this.#create();
    return this.#writer;
  }

  async #flush(): Promise<void> {
    const text = this.#waiting;
    this.#waiting = '';
    await this.#open().write(text);
  }
}
