import { createHash, randomUUID } from 'node:crypto';
import { PermanentError } from '../../define-task.ts';
import type { ArtifactWriter, NewArtifactFile, StoredArtifact, TaskArtifacts } from '../../task-artifacts.ts';

type Given = NewArtifactFile & { content: string | Uint8Array };

/**
 * Artifacts in memory, for tests of kinds.
 *
 * @param given the artifacts that there are, by id
 * @returns also `stored`: what was created, in order
 */
export function memoryTaskArtifacts(
  given: Readonly<Record<string, Given>> = {},
): TaskArtifacts & { stored: (StoredArtifact & { content: Buffer })[] } {
  const stored: (StoredArtifact & { content: Buffer })[] = [];
  const all = new Map(Object.entries(given).map(([id, file]) => [id, withContent(id, file)]));
  return {
    stored,
    async open(id) {
      const found = all.get(id);
      if (!found) throw new PermanentError('artifact_not_found', 'There is no such artifact');
      const { content, ...artifact } = found;
      return { ...artifact, content: { [Symbol.asyncIterator]: () => piecesOf(content) } };
    },
    create(file): ArtifactWriter {
      const pieces: Buffer[] = [];
      const write = async (piece: string | Uint8Array) => void pieces.push(Buffer.from(piece as Uint8Array));
      const end = async () => {
        const made = withContent(randomUUID(), { ...file, content: Buffer.concat(pieces) });
        all.set(made.id, made);
        stored.push(made);
        const { content, ...artifact } = made;
        return artifact;
      };
      return {
        write,
        end,
        abort: async () => {},
        async put(content) {
          if (typeof content === 'string' || content instanceof Uint8Array) await write(content);
          else for await (const piece of content) await write(piece);
          return end();
        },
      };
    },
  };
}

function withContent(id: string, { name, mediaType, content: given }: Given) {
  const content = Buffer.from(given as Uint8Array);
  const sha256 = createHash('sha256').update(content).digest('hex');
  return { id, name, mediaType, bytes: content.length, sha256, content };
}

async function* piecesOf(content: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += 65_536) yield content.subarray(at, at + 65_536);
}
