import { Context, type Emitter, Liquid, type Template, toPromise } from 'liquidjs';
import { PermanentError } from '../../../define-task.ts';
import { MAX_RENDER_MEMORY, MAX_RENDER_STEPS, MAX_RENDERED, MAX_WHOLE } from '../text/bounds.ts';
import { inPieces, whole } from '../text/pieces.ts';
import type { Step, StepContext } from './step.ts';

export type RenderSettings = {
  readonly variables: Readonly<Record<string, unknown>>;
  /** A missing variable is an error; otherwise it is empty. */
  readonly strict: boolean;
  /** `html`: values are escaped for HTML. */
  readonly escape: 'html' | 'none';
};

/** Tags that read other templates. There are none. */
const FILE_TAGS = ['include', 'render', 'layout', 'block'];

/** Renders the text, which is a Liquid template. */
export function render(settings: RenderSettings, { where, yieldTurn }: StepContext): Step {
  let bytes = 0;
  return {
    async *through(pieces) {
      const template = await whole(pieces, { max: MAX_WHOLE.render, where });
      await yieldTurn();
      const text = await rendered(template, settings, where);
      bytes = Buffer.byteLength(text);
      yield* inPieces(text);
    },
    entry: () => ({ bytes }),
  };
}

async function rendered(source: string, settings: RenderSettings, where: string): Promise<string> {
  const { variables, strict } = settings;
  const liquid = new Liquid({
    // A template reaches only what it is given: no files, no other templates, no prototypes.
    templates: {},
    relativeReference: false,
    ownPropertyOnly: true,
    strictFilters: true,
    strictVariables: strict,
    memoryLimit: MAX_RENDER_MEMORY,
    ...(settings.escape === 'html' && { outputEscape: 'escape' as const }),
  });
  for (const tag of FILE_TAGS) delete liquid.tags[tag];
  let parsed: Template[];
  try {
    parsed = liquid.parse(source);
  } catch (error) {
    throw refused('template_invalid', where, error);
  }
  const context = new Context(variables, liquid.options, {}, { liquid });
  // Liquid bounds seconds here. Steps are the same on every machine.
  let steps = 0;
  context.renderLimit.check = () => {
    steps += 1;
    if (steps > MAX_RENDER_STEPS) throw new Error(`The template takes more than ${MAX_RENDER_STEPS} steps`);
  };
  const output = boundedOutput();
  try {
    await toPromise(liquid.renderer.renderTemplates(parsed, context, output));
  } catch (error) {
    throw refused('template_failed', where, error);
  }
  return output.buffer;
}

function boundedOutput(): Emitter {
  return {
    buffer: '',
    write(value) {
      this.buffer += toText(value);
      if (this.buffer.length > MAX_RENDERED)
        throw new Error(`The template makes more than ${MAX_RENDERED} UTF-16 code units`);
    },
  };
}

/** Liquid's way to print a value. */
function toText(value: unknown): string {
  if (value === null || value === undefined) return '';
  return Array.isArray(value) ? value.map(toText).join('') : String(value);
}

/** Liquid's message names the line and the column. */
function refused(code: string, where: string, cause: unknown): PermanentError {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new PermanentError(code, `${where}: ${message}`, { cause, details: { pointer: where } });
}
