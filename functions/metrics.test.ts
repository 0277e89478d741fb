import { expect, test } from 'vitest';
import { ALARMED_METRICS, metrics } from './metrics.ts';

function metered(options: Parameters<typeof metrics>[2] = {}) {
  const lines: string[] = [];
  return {
    ...metrics((line) => lines.push(line), 'prod', { now: () => 1_700_000_000_000, ...options }),
    lines,
  };
}

test('counts come together and milliseconds one by one, in one line of the embedded metric format', () => {
  const { measure, flush, lines } = metered();
  measure('TasksCompleted', 2);
  measure('TasksCompleted', 3);
  measure('BulkStartLateness', 4);
  measure('BulkStartLateness', 5);
  flush();
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/^[^\n]+\n$/);
  expect(JSON.parse(lines[0] ?? '')).toEqual({
    _aws: {
      Timestamp: 1_700_000_000_000,
      CloudWatchMetrics: [
        {
          Namespace: 'Celeriac',
          Dimensions: [['Stage']],
          Metrics: [
            { Name: 'TasksCompleted', Unit: 'Count' },
            { Name: 'BulkStartLateness', Unit: 'Milliseconds' },
          ],
        },
      ],
    },
    Stage: 'prod',
    TasksCompleted: 5,
    BulkStartLateness: [4, 5],
  });
});

test('an invocation that measured nothing writes nothing, and nothing is written twice', () => {
  const { measure, flush, lines } = metered();
  flush();
  expect(lines).toEqual([]);
  measure('TasksCreated', 1);
  flush();
  flush();
  expect(lines).toHaveLength(1);
});

test('what is not to be published is neither a metric nor a value', () => {
  const { measure, flush, lines } = metered({ published: (metric) => ALARMED_METRICS.includes(metric) });
  measure('TasksCompleted', 1);
  flush();
  expect(lines).toEqual([]);
  measure('TasksCompleted', 1);
  measure('WakeUpsUnsent', 2);
  flush();
  const { TasksCompleted, WakeUpsUnsent } = JSON.parse(lines[0] ?? '');
  expect([TasksCompleted, WakeUpsUnsent]).toEqual([undefined, 2]);
});

test('no more values than CloudWatch takes, and the largest is among them', () => {
  const { measure, flush, lines } = metered();
  for (let value = 0; value < 1_000; value += 1) measure('BulkStartLateness', value);
  measure('BulkStartLateness', 5);
  flush();
  const { BulkStartLateness } = JSON.parse(lines[0] ?? '');
  expect(BulkStartLateness).toHaveLength(100);
  expect(Math.max(...BulkStartLateness)).toBe(999);
});
