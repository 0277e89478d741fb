import { createHash } from 'node:crypto';
import type { Bucket } from '../../tasks/artifacts/bucket.ts';

/** Bucket in memory, and the map of stored objects. The presigned URLs lead nowhere. */
export function memoryArtifacts(): { artifacts: Bucket; objects: Map<string, Buffer> } {
  const objects = new Map<string, Buffer>();
  const artifacts: Bucket = {
    presignUpload: (key, bytes) => `https://s3.example.com/${key}?bytes=${bytes}`,
    presignContent: (key, { bytes, sha256 }) => ({
      url: `https://s3.example.com/${key}?bytes=${bytes}&sha256=${sha256}`,
      headers: {},
    }),
    presignDownload: (key, fileName) => `https://s3.example.com/${key}?as=${fileName}`,
    head: async (key) => {
      const object = objects.get(key);
      return object && headOf(object);
    },
    async readStream(key) {
      const object = objects.get(key);
      if (!object) return undefined;
      const pieces = async function* () {
        // A piece may end anywhere, even inside a line.
        for (let at = 0; at < object.length; at += 1_000) yield object.subarray(at, at + 1_000);
      };
      return { ...headOf(object), content: pieces() };
    },
    async put(key, content) {
      objects.set(key, Buffer.from(content as string));
    },
    async remove(key) {
      objects.delete(key);
    },
    beginParts: () => Promise.reject(new Error('Nothing comes in parts here')),
    completeParts: () => Promise.reject(new Error('Nothing comes in parts here')),
    abortParts: async () => {},
  };
  return { artifacts, objects };
}

const headOf = (object: Buffer) => ({
  bytes: object.length,
  etag: createHash('md5').update(object).digest('hex'),
});
