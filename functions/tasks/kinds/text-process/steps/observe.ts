import type { Pieces } from '../text/pieces.ts';

/** Passes a text on unchanged, after `look` has seen each piece. */
export async function* observe(pieces: Pieces, look: (piece: string) => Promise<void> | void): Pieces {
  for await (const piece of pieces) {
    await look(piece);
    yield piece;
  }
}
