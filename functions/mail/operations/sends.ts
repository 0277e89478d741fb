import type { Database } from '../../database/connect.ts';
import { retryOnConnectionLoss } from '../../database/retry-on-connection-loss.ts';
import { comparedAddress } from '../address.ts';
import * as store from '../store/index.ts';
import { identitiesOf } from './senders.ts';

export type { NotBegun } from '../store/index.ts';

/** Longest wait of a mail for its turn, in seconds. */
const LONGEST_WAIT_SECONDS = 30;

/** Facts that an attempt needs before it sends. */
export type Prepared = store.Prepared<SentMail>;

/** A mail that the provider has. It is stored, so that a later attempt returns it instead of sending again. */
export type SentMail = {
  readonly message_id: string;
  readonly provider: string;
  readonly bytes: number;
  readonly recipients: readonly {
    address: string;
    status: 'sent' | 'suppressed' | 'refused';
    reason?: string;
  }[];
};

/** The records of mails that attempts send. Every method repeats its statement when the connection is lost. */
export type Sends = ReturnType<typeof mailSends>;

export function mailSends(db: Database) {
  return {
    /**
     * Looks up what an attempt must know before it sends, and takes the mail's turn with the provider.
     *
     * @returns undefined when the attempt does not have the task any more
     */
    prepare: (
      sender: store.Sender,
      mail: {
        from: string;
        recipients: readonly string[];
        provider: string;
        recipientsPerSecond: number | undefined;
      },
    ): Promise<Prepared | undefined> =>
      retryOnConnectionLoss(() =>
        store.prepareSend<SentMail>(db, sender, {
          identities: identitiesOf(mail.from),
          addresses: mail.recipients.map(comparedAddress),
          provider: mail.provider,
          recipientsPerSecond: mail.recipientsPerSecond ?? null,
          longestSeconds: LONGEST_WAIT_SECONDS,
        }),
      ),
    /** @returns undefined when the mail may be sent now */
    begin: (sender: store.Sender, recipients: number): Promise<store.NotBegun | undefined> =>
      retryOnConnectionLoss(() => store.beginSend(db, sender, recipients)),
    recordSent: (sender: store.Sender, result: SentMail): Promise<void> =>
      retryOnConnectionLoss(() => store.recordSent(db, sender, JSON.stringify(result))),
    recordUnknown: (sender: store.Sender): Promise<void> =>
      retryOnConnectionLoss(() => store.recordUnknown(db, sender)),
    forget: (sender: store.Sender): Promise<void> =>
      retryOnConnectionLoss(() => store.forgetSend(db, sender)),
  };
}
