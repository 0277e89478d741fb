import type { Change, Template } from './template.ts';

/** Calls that AWS allows by the action on the left, and the emulator by one that AWS does not have. */
const ALLOWED_AS: Readonly<Record<string, string>> = { 'sqs:SendMessage': 'sqs:SendMessageBatch' };

/** The template with what the emulator asks for beside the actions that AWS knows, in every statement that allows. */
export function withActions(template: Template): { template: Template; changes: Change[] } {
  const changes: Change[] = [];
  const widen = (item: unknown, resource: string): unknown => {
    if (Array.isArray(item)) return item.map((inner) => widen(inner, resource));
    if (item === null || typeof item !== 'object') return item;
    const { Effect, Action } = item as { Effect?: unknown; Action?: unknown };
    const actions = [Action].flat().filter((action) => typeof action === 'string');
    const added = actions.flatMap((action) => ALLOWED_AS[action] ?? []);
    if (Effect === 'Allow' && added.length > 0) {
      const what = `allows ${added.join(', ')} too (an action that AWS does not have and the emulator asks for)`;
      changes.push({ resource, what });
      return { ...item, Action: [...actions, ...added] };
    }
    return Object.fromEntries(Object.entries(item).map(([name, inner]) => [name, widen(inner, resource)]));
  };
  const Resources = Object.entries(template.Resources).map(([id, resource]) => [id, widen(resource, id)]);
  return { template: { ...template, Resources: Object.fromEntries(Resources) }, changes };
}
