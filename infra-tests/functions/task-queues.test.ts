import { describe, expect, test } from 'vitest';
import { functionAt, functionsOf, type Resource, STAGE_NAMES, synthesized } from '../testing/synthesized.ts';

describe.each(STAGE_NAMES)('queues of %s', (stage) => {
  const stacks = synthesized(stage);
  const queues = stacks.app.findResources('AWS::SQS::Queue');
  const mappings = Object.values(stacks.app.findResources('AWS::Lambda::EventSourceMapping'));
  const functions = functionsOf(stacks);
  const queueOf = ({ Properties }: Resource): string => Properties.EventSourceArn['Fn::GetAtt'][0];
  const readerOf = ({ Properties }: Resource) => functionAt(stacks, Properties.FunctionName);

  test('the worker reads two queues, so that a click never waits behind a bulk load', () => {
    const read = mappings.filter((mapping) => readerOf(mapping) === 'worker').map(queueOf);
    const { Variables } = functions.api.resource.Properties.Environment;
    expect(read.toSorted()).toEqual(
      [Variables.INTERACTIVE_QUEUE_URL.Ref, Variables.BULK_QUEUE_URL.Ref].toSorted(),
    );
    expect(new Set(read).size).toBe(2);
  });

  test('a message stays hidden six times as long as its reader may run', () => {
    for (const mapping of mappings) {
      const reader = readerOf(mapping);
      const { Timeout } = functions[reader ?? 'worker'].resource.Properties;
      expect(queues[queueOf(mapping)]?.Properties.VisibilityTimeout).toBe(6 * Timeout);
    }
  });

  test('every queue with retries has a dead-letter queue with a longer retention', () => {
    const woken = mappings.filter((mapping) => readerOf(mapping) !== 'dead-letters').map(queueOf);
    expect(woken).toHaveLength(2);
    for (const id of woken) {
      const { RedrivePolicy, MessageRetentionPeriod } = queues[id]?.Properties ?? {};
      const deadLetters = queues[RedrivePolicy.deadLetterTargetArn['Fn::GetAtt'][0]]?.Properties;
      expect(deadLetters.MessageRetentionPeriod).toBe(14 * 24 * 3600);
      expect(deadLetters.MessageRetentionPeriod).toBeGreaterThan(MessageRetentionPeriod);
    }
  });

  test('a message is received at least five times before it counts as dead', () => {
    const redriven = Object.values(queues).flatMap(({ Properties }) => Properties.RedrivePolicy ?? []);
    for (const { maxReceiveCount } of redriven) expect(maxReceiveCount).toBeGreaterThanOrEqual(5);
  });

  test('the dead letters of both queues reach the function that records them', () => {
    const recorded = mappings.filter((mapping) => readerOf(mapping) === 'dead-letters').map(queueOf);
    const targets = Object.values(queues).flatMap(
      ({ Properties }) => Properties.RedrivePolicy?.deadLetterTargetArn['Fn::GetAtt'][0] ?? [],
    );
    expect(recorded).toEqual([...new Set(targets)]);
  });

  test('up to ten messages are handed over at once, of bulk loads one with its hundred tasks, without waiting for more', () => {
    const bulk = functions.api.resource.Properties.Environment.Variables.BULK_QUEUE_URL.Ref;
    for (const mapping of mappings) {
      const { Properties } = mapping;
      expect(Properties.BatchSize).toBe(queueOf(mapping) === bulk ? 1 : 10);
      expect(Properties.MaximumBatchingWindowInSeconds ?? 0).toBe(0);
    }
  });

  test('a message that failed returns alone, not with its whole batch', () => {
    for (const { Properties } of mappings) {
      expect(Properties.FunctionResponseTypes).toEqual(['ReportBatchItemFailures']);
    }
  });

  test('the concurrency of a queue is bounded by its mapping, not by throttling the function', () => {
    for (const mapping of mappings) {
      const reader = readerOf(mapping);
      expect(mapping.Properties.ScalingConfig.MaximumConcurrency).toBeGreaterThanOrEqual(2);
      expect(functions[reader ?? 'worker'].resource.Properties).not.toHaveProperty(
        'ReservedConcurrentExecutions',
      );
    }
  });

  test('queues are encrypted and refuse requests without TLS', () => {
    const policies = Object.values(stacks.app.findResources('AWS::SQS::QueuePolicy'));
    for (const [id, { Properties }] of Object.entries(queues)) {
      expect(Properties.SqsManagedSseEnabled).toBe(true);
      const statements = policies
        .filter((policy) => policy.Properties.Queues.some((queue: { Ref: string }) => queue.Ref === id))
        .flatMap((policy) => policy.Properties.PolicyDocument.Statement);
      expect(statements).toContainEqual(
        expect.objectContaining({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
      );
    }
  });
});
