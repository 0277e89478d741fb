import { v7 as uuidv7 } from 'uuid';
import type { Database } from '../../database/connect.ts';
import { retryOnConnectionLoss } from '../../database/retry-on-connection-loss.ts';
import { PermanentError, RetryError } from '../define-task.ts';
import * as store from '../store/index.ts';
import {
  ADDRESS_SECONDS,
  ArtifactName,
  artifactKey,
  artifactsFullMessage,
  MAX_ARTIFACT_BYTES,
  MediaType,
} from './artifact.ts';
import type { Bucket } from './bucket.ts';
import type { ArtifactAnswers, ArtifactQuestion, AskArtifacts } from './questions.ts';

export type AttemptArtifactsDeps = {
  db: Database;
  artifacts: Pick<
    Bucket,
    'presignContent' | 'presignDownload' | 'head' | 'beginParts' | 'completeParts' | 'abortParts'
  >;
  /** Called with errors that a handler must not see. */
  logError: (error: unknown) => void;
};

/** The artifacts of one attempt, in the worker. */
export type AttemptArtifacts = {
  /** Answers the handler. */
  ask: AskArtifacts;
  /** Makes the stored artifacts ready. Call it when the handler has returned, before its outcome is recorded. */
  keep: () => Promise<void>;
  /** Deletes the artifacts of an attempt that failed. Best effort: a sweep deletes what is left. */
  discard: () => Promise<void>;
};

/** An artifact that comes in parts. */
type Growing = { uploadId: string; bytes: number; parts: { sha256: string }[] };

export function attemptArtifacts(deps: AttemptArtifactsDeps, owner: store.ArtifactOwner): AttemptArtifacts {
  const { db, artifacts } = deps;
  /** Bytes of the artifacts whose content is sent whole. */
  const whole = new Map<string, number>();
  const growing = new Map<string, Growing>();
  const stored = new Set<string>();
  let hasAny = false;
  let isOver = false;

  const add = async (file: { name: string; mediaType: string; bytes: number; sha256: string | null }) => {
    const id = uuidv7();
    const { taskId, attempt, organizationId } = owner;
    const by = { taskId, attempt };
    hasAny = true;
    const added = await retryOnConnectionLoss(() =>
      store.addArtifact(db, { ...validFile(file), id, organizationId, by, openSeconds: ADDRESS_SECONDS }),
    );
    if (!added) throw new PermanentError('organization_not_found', 'The organization was deleted');
    if ('code' in added) throw full(added);
    return id;
  };
  const growingOf = (id: string): Growing => {
    const found = growing.get(id);
    if (!found) throw notFound(id);
    return found;
  };
  const giveUp = async (id: string): Promise<void> => {
    const found = growing.get(id);
    growing.delete(id);
    if (found) await artifacts.abortParts(artifactKey(id), found.uploadId);
  };

  const answers: {
    [Ask in ArtifactQuestion['ask']]: (
      question: Extract<ArtifactQuestion, { ask: Ask }>,
    ) => Promise<ArtifactAnswers[Ask]>;
  } = {
    async open({ id }) {
      const found = isUuid(id)
        ? await retryOnConnectionLoss(() => store.readableArtifact(db, owner, id))
        : undefined;
      if (!found || found.sha256 === null) throw notFound(id);
      const { name, mediaType, bytes, sha256 } = found;
      const url = artifacts.presignDownload(artifactKey(found.id), name, ADDRESS_SECONDS);
      return { name, mediaType, bytes, sha256, url };
    },
    async put({ name, mediaType, bytes, sha256 }) {
      if (bytes > MAX_ARTIFACT_BYTES) throw tooLarge();
      const file = validFile({ name, mediaType, bytes, sha256 });
      const id = await add(file);
      whole.set(id, bytes);
      const terms = { bytes, sha256, mediaType: file.mediaType };
      return { id, ...artifacts.presignContent(artifactKey(id), terms, ADDRESS_SECONDS) };
    },
    async stored({ id }) {
      const bytes = whole.get(id);
      if (bytes === undefined) throw notFound(id);
      // The handler's word is not enough: no ready row may be without its object.
      const head = await artifacts.head(artifactKey(id));
      if (head?.bytes !== bytes) throw new Error(`The content of artifact ${id} is not there`);
      stored.add(id);
      return null;
    },
    async begin({ name, mediaType }) {
      const file = validFile({ name, mediaType, bytes: 0, sha256: null });
      const id = await add(file);
      const uploadId = await artifacts.beginParts(artifactKey(id), file.mediaType);
      growing.set(id, { uploadId, bytes: 0, parts: [] });
      return { id };
    },
    async part({ id, bytes, sha256 }) {
      const found = growingOf(id);
      if (found.bytes + bytes > MAX_ARTIFACT_BYTES) throw tooLarge();
      const grown = await retryOnConnectionLoss(() => store.growArtifact(db, owner, { id, bytes }));
      if (grown === false) throw notFound(id);
      if (grown !== true) throw full(grown);
      found.bytes += bytes;
      found.parts.push({ sha256 });
      const terms = { bytes, sha256, part: { uploadId: found.uploadId, number: found.parts.length } };
      return artifacts.presignContent(artifactKey(id), terms, ADDRESS_SECONDS);
    },
    async complete({ id, sha256, etags }) {
      const { uploadId, bytes, parts } = growingOf(id);
      const uploaded = parts.map((part, at) => ({ ...part, etag: etags[at] ?? '' }));
      await artifacts.completeParts(artifactKey(id), uploadId, uploaded);
      growing.delete(id);
      const done = await retryOnConnectionLoss(() => store.finishArtifact(db, owner, { id, bytes, sha256 }));
      if (!done) throw notFound(id);
      stored.add(id);
      return null;
    },
    async abort({ id }) {
      await giveUp(id);
      return null;
    },
  };

  const endTransfers = async (): Promise<void> => {
    isOver = true;
    await Promise.allSettled([...growing.keys()].map(giveUp));
  };

  return {
    async ask(question) {
      if (isOver) throw new Error('The attempt has ended');
      try {
        // The table has the answer of each question under its name.
        return (await answers[question.ask](question as never)) as never;
      } catch (error) {
        throw asHandlersError(error, deps.logError);
      }
    },
    async keep() {
      await endTransfers();
      if (!hasAny) return;
      try {
        await retryOnConnectionLoss(() => store.keepArtifacts(db, owner, [...stored]));
      } catch (error) {
        throw asHandlersError(error, deps.logError);
      }
    },
    async discard() {
      await endTransfers();
      if (hasAny) await store.discardArtifacts(db, owner).catch(deps.logError);
    },
  };
}

/** Returns the file with its media type as it is stored. @throws PermanentError `artifact_invalid` */
function validFile<File extends { name: string; mediaType: string }>(file: File): File {
  const [name, mediaType] = [ArtifactName.safeParse(file.name), MediaType.safeParse(file.mediaType)];
  const fault = name.error?.issues[0]?.message ?? mediaType.error?.issues[0]?.message;
  if (fault !== undefined) {
    const field = name.success ? 'media type' : 'name';
    throw new PermanentError('artifact_invalid', `The ${field} of an artifact: ${fault}`);
  }
  return { ...file, mediaType: mediaType.data };
}

const isUuid = (id: string) => /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id);

const notFound = (id: string) =>
  new PermanentError('artifact_not_found', 'There is no such artifact', {
    details: { artifact: id.slice(0, 100) },
  });

const tooLarge = () =>
  new PermanentError('artifact_too_large', `An artifact has at most ${MAX_ARTIFACT_BYTES} bytes`, {
    details: { limit: MAX_ARTIFACT_BYTES },
  });

const full = (why: store.ArtifactsFull) =>
  new PermanentError(why.code, artifactsFullMessage(why), { details: { limit: why.limit, used: why.used } });

/** Returns an error that a handler may see: nothing of the database or the storage is quoted. */
function asHandlersError(error: unknown, logError: (error: unknown) => void): unknown {
  if (error instanceof PermanentError || error instanceof RetryError) return error;
  logError(error);
  return new RetryError('artifacts_unavailable', 'Artifacts cannot be used now');
}
