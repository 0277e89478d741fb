import type { Change, Template } from './template.ts';

/** Actions of AWS, and the action that the emulator checks in their place. AWS does not have the latter. */
const ALLOWED_AS: Readonly<Record<string, string>> = { 'sqs:SendMessage': 'sqs:SendMessageBatch' };

/** Adds the emulator's actions to every statement that allows the matching AWS action. */
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
