import type { Sql } from 'postgres';
import { expect, test } from 'vitest';
import type { Runtime } from '../runtime.ts';
import { register, type User, watch } from './client.ts';

const LATER = { name: 'Later', scheduled_time: new Date(Date.now() + 86_400_000).toISOString() };

/** Registers the tests of an open socket whose user loses a membership. */
export function membershipTests(running: () => { runtime: Runtime; ada: User; sql: Sql }): void {
  test('an open socket is told when its membership ends, and then hears of other organizations alone', async () => {
    const { runtime, ada, sql } = running();
    const bob = await register(runtime.url);
    const { body: team } = await ada.ask('POST', '/api/organizations/', { name: 'Team' });
    const members = `/api/organizations/${team.id}/members/`;
    const { body: invitation } = await ada.ask('POST', `/api/organizations/${team.id}/invitations/`, {
      email: bob.email,
    });
    expect((await bob.ask('POST', `/api/invitations/${invitation.id}/accept/`)).status).toBe(200);
    const { body: me } = await bob.ask('GET', '/api/auth/me/');
    const left = await ada.create({ ...LATER, organization: team.id });
    const kept = await bob.create(LATER);
    const watcher = await watch(`${runtime.wsUrl}/ws`, ['celeriac', bob.access]);
    for (const task of [left, kept]) watcher.socket.send(JSON.stringify({ action: 'subscribe', task }));
    // The first frame of a task is sent before its subscription is stored.
    const watched = () =>
      sql`select from tasks where id = any (${[left, kept]}::uuid[]) and cardinality(watchers) = 1`;
    await expect.poll(watched, { timeout: 60_000 }).toHaveLength(2);

    expect((await ada.ask('DELETE', `${members}${me.user.id}/`)).status).toBe(204);
    const ended = await watcher.until((frame) => frame.code === 'membership_ended');
    expect(ended).toMatchObject({ type: 'error', organization: team.id });

    const { length } = watcher.frames;
    // The API answers after the frames have been posted.
    expect((await ada.ask('POST', `/api/tasks/${left}/cancel/`)).status).toBe(200);
    expect((await bob.ask('POST', `/api/tasks/${kept}/cancel/`)).status).toBe(200);
    await watcher.until((frame) => frame.id === kept && frame.status === 'CANCELLED');
    expect(watcher.frames.slice(length)).toEqual([expect.objectContaining({ id: kept })]);
    watcher.socket.close();
  });
}
