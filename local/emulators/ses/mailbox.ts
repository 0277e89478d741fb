import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { v7 as uuidv7 } from 'uuid';

/** Mails that are kept, and their bytes together. The oldest mails go first. */
export const MAX_MAILS = 1_000;
export const MAX_MAILBOX_BYTES = 256 * 1024 ** 2;

/** A mail as SES received it. */
export interface Envelope {
  /** SES's name of the mail. */
  readonly messageId: string;
  readonly from: string;
  readonly recipients: readonly string[];
  readonly tags: Readonly<Record<string, string>>;
}

export interface KeptMail extends Envelope {
  /** In the order of arrival. */
  readonly id: string;
  readonly at: string;
  readonly bytes: number;
}

/** The mails that were sent on this machine. */
export interface Mailbox {
  keep(envelope: Envelope, raw: Buffer): Promise<KeptMail>;
  /** All mails, newest first. */
  list(): readonly KeptMail[];
  find(id: string): KeptMail | undefined;
  /** Returns a mail in MIME; undefined when it was removed. */
  raw(id: string): Promise<Buffer | undefined>;
  remove(ids: readonly string[]): Promise<void>;
}

/** Opens the mailbox in a directory. The mails of earlier starts are in it. */
export async function openMailbox(directory: string): Promise<Mailbox> {
  mkdirSync(directory, { recursive: true });
  const mails = new Map<string, KeptMail>();
  const place = (id: string, extension: string) => join(directory, `${id}.${extension}`);
  // A description is written after its mail. So a mail without a description is one that was not kept.
  const names = readdirSync(directory).toSorted();
  for (const name of names.filter((each) => each.endsWith('.json'))) {
    const mail: KeptMail = JSON.parse(await readFile(join(directory, name), 'utf8'));
    if (names.includes(`${mail.id}.eml`)) mails.set(mail.id, mail);
  }
  for (const name of names)
    if (!mails.has(name.replace(/\..*$/, ''))) await rm(join(directory, name), { force: true });
  let bytes = [...mails.keys()].reduce((sum, id) => sum + statSync(place(id, 'eml')).size, 0);

  async function remove(ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      const mail = mails.get(id);
      if (!mail) continue;
      mails.delete(id);
      bytes -= mail.bytes;
      await rm(place(id, 'json'), { force: true });
      await rm(place(id, 'eml'), { force: true });
    }
  }

  return {
    async keep(envelope, raw) {
      const id = uuidv7();
      const mail = { ...envelope, id, at: new Date().toISOString(), bytes: raw.length };
      await writeFile(place(id, 'eml'), raw);
      await writeFile(place(id, 'part'), JSON.stringify(mail));
      await rename(place(id, 'part'), place(id, 'json'));
      mails.set(id, mail);
      bytes += raw.length;
      while (mails.size > MAX_MAILS || (bytes > MAX_MAILBOX_BYTES && mails.size > 1)) {
        await remove([...mails.keys()].slice(0, 1));
      }
      return mail;
    },
    // Mails that arrive at once are written in any order.
    list: () => [...mails.values()].sort((one, other) => (one.id < other.id ? 1 : -1)),
    find: (id) => mails.get(id),
    raw: async (id) => (mails.has(id) ? readFile(place(id, 'eml')).catch(() => undefined) : undefined),
    remove,
  };
}
