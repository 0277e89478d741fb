import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import type { Message } from './message.ts';
import type { QueueAttributes } from './queue-attributes.ts';

const SCHEMA = `
  pragma journal_mode = wal;
  pragma synchronous = off;
  create table if not exists queues (name text primary key, attributes text not null);
  create table if not exists messages (
    number integer primary key, queue text not null, receives integer not null, first_received_at integer,
    body text not null, rest text not null
  )`;

export type StoredQueue = { readonly name: string; readonly attributes: QueueAttributes };

const QUEUES = "select json_object('name', name, 'attributes', json(attributes)) as queue from queues";

const MESSAGES = `
  select json_set(rest, '$.number', number, '$.receiveCount', receives, '$.firstReceivedAt', first_received_at, '$.body', body)
    as message
  from messages where queue = ? order by number`;

/**
 * The queues and their messages in SQLite. All writes of one turn of the event loop form one transaction, so that
 * concurrent senders share its cost. Nothing is forced to disk: writes survive the end of this process but perhaps not
 * of the machine, which is enough because a message is only a wake-up.
 */
export class QueueStore {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  #committed: Promise<void> | undefined;

  constructor(file: string) {
    this.#database = new DatabaseSync(file);
    this.#database.exec(SCHEMA);
  }

  queues(): StoredQueue[] {
    return Array.from(this.#statement(QUEUES).all(), ({ queue }) => JSON.parse(String(queue)));
  }

  /** Returns the messages in the order in which they were sent. */
  messages(queue: string): Message[] {
    return Array.from(this.#statement(MESSAGES).all(queue), ({ message }) => JSON.parse(String(message)));
  }

  saveQueue(name: string, attributes: QueueAttributes): void {
    this.#write('insert or replace into queues values (?, ?)', name, JSON.stringify(attributes));
  }

  /**
   * Stores the message and sets its number. The body has its own column: as JSON it would cost more than everything
   * else here.
   */
  insert(queue: string, message: Message): void {
    const { body, ...rest } = message;
    const sql = 'insert into messages (queue, receives, body, rest) values (?, 0, ?, ?)';
    message.number = Number(this.#write(sql, queue, body, JSON.stringify(rest)).lastInsertRowid);
  }

  /** Stores the queue of a message and its number of receives. */
  update(queue: string, { number = 0, receiveCount, firstReceivedAt = null }: Message): void {
    const sql = 'update messages set queue = ?, receives = ?, first_received_at = ? where number = ?';
    this.#write(sql, queue, receiveCount, firstReceivedAt, number);
  }

  delete({ number = 0 }: Message): void {
    this.#write('delete from messages where number = ?', number);
  }

  purge(queue: string): void {
    this.#write('delete from messages where queue = ?', queue);
  }

  /** Resolves when all earlier writes survive the end of this process. */
  async committed(): Promise<void> {
    await this.#committed;
  }

  close(): void {
    this.#commit();
    this.#database.close();
  }

  #write(sql: string, ...values: SQLInputValue[]) {
    if (!this.#committed) {
      this.#statement('begin').run();
      this.#committed = new Promise((resolve) => setImmediate(() => resolve(this.#commit())));
    }
    return this.#statement(sql).run(...values);
  }

  #commit(): void {
    if (this.#committed) this.#statement('commit').run();
    this.#committed = undefined;
  }

  #statement(sql: string): StatementSync {
    const statement = this.#statements.get(sql) ?? this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}
