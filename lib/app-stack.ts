import { CfnOutput, Duration, Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { Bundles } from './bundle.ts';
import { Alarms } from './constructs/alarms.ts';
import { DomainEvents } from './constructs/domain-events.ts';
import { CeleriacFunction } from './constructs/function.ts';
import { HttpEndpoint } from './constructs/http-api.ts';
import { Migrations } from './constructs/migrations.ts';
import { Schedules } from './constructs/schedules.ts';
import { TaskQueues } from './constructs/task-queues.ts';
import { Undelivered } from './constructs/undelivered.ts';
import { SocketEndpoint } from './constructs/websocket-api.ts';
import type { DataStack } from './data-stack.ts';
import { databaseRole, type FunctionName, mapFunctions } from './functions.ts';
import type { Stage } from './stages.ts';

export type AppStackProps = StackProps & { stage: Stage; data: DataStack; bundles: Bundles };

/** Everything that computes: made of constructs, which say what each thing is, and of verbs, which say who may what. */
export class AppStack extends Stack {
  constructor(scope: Construct, id: string, { stage, data, bundles, ...props }: AppStackProps) {
    super(scope, id, props);
    const http = new HttpEndpoint(this, 'Http', { stage });
    const sockets = new SocketEndpoint(this, 'Socket', { stage });
    const queues = new TaskQueues(this, 'Queues');
    const events = new DomainEvents(this, 'Events', stage);
    const undelivered = new Undelivered(this, 'Undelivered');
    const schedules = new Schedules(this, 'Schedules', { undelivered });

    const environment: Partial<Record<FunctionName, Record<string, string>>> = {
      auth: { TOKEN_ISSUER: http.url, SIGNING_SECRET_ARN: data.signingSecret.secretArn },
      api: { TOKEN_ISSUER: http.url },
      socket: { TOKEN_ISSUER: http.url, TOKEN_IN_URL: 'refused' },
      worker: { OUTBOUND_LOOPBACK: 'refused', LEASE_SECONDS: String(stage.dispatch.leaseSeconds) },
      prices: {
        OUTBOUND_LOOPBACK: 'refused',
        PRICE_PROVIDER_URL: 'https://api.coingecko.com/api/v3',
        PRICE_API_KEY: this.node.tryGetContext('priceApiKey') ?? '',
      },
    };
    const functions = mapFunctions((name) => {
      const { vpc } = data.network;
      return new CeleriacFunction(this, constructId(name), {
        name,
        stage,
        vpc,
        directory: bundles[name],
        environment: environment[name] ?? {},
      });
    });
    const { auth, api, socket, worker, dispatcher, prices, migrate } = functions;
    const recorder = functions['dead-letters'];
    const runtime = [auth, api, socket, worker, recorder, dispatcher, prices];

    data.signingSecret.grantRead(auth);
    data.database.grantOwnership(migrate);
    for (const fn of runtime) data.database.grantConnect(fn, databaseRole(fn.entry));
    for (const fn of [api, worker, dispatcher]) queues.grantSend(fn, stage);
    for (const fn of [api, socket, worker, recorder, dispatcher]) sockets.grantPush(fn);
    events.grantPublish(worker);
    worker.allowInternet();
    socket.allowSelfInvocation();

    http.routeTo({ auth, api });
    sockets.routeTo(socket);
    queues.deliverTo({ worker, recorder }, stage.concurrency.queues);
    schedules.every(Duration.minutes(1), dispatcher);
    schedules.every(Duration.minutes(5), prices);
    undelivered.catchFrom(socket, { maxAge: Duration.minutes(1) });
    new Migrations(this, 'Migrations', { migrate, before: runtime });

    const alarms = new Alarms(this, 'Alarms');
    for (const queue of [queues.deadLetters, undelivered.queue]) alarms.whenNotEmpty(queue);
    for (const queue of [queues.interactive, queues.bulk]) alarms.whenWaiting(queue, Duration.minutes(30));
    for (const fn of runtime) alarms.whenFailing(fn);

    new CfnOutput(this, 'HttpUrl', { value: http.url });
    new CfnOutput(this, 'SocketUrl', { value: sockets.url });
    new CfnOutput(this, 'AlarmTopic', { value: alarms.topic.topicArn });
  }
}

/** `dead-letters` becomes `DeadLettersFunction`. */
const constructId = (name: FunctionName) =>
  `${name.replaceAll(/(^|-)([a-z])/g, (_, __, letter: string) => letter.toUpperCase())}Function`;
