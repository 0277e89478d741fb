import { CfnOutput, Duration, Stack, type StackProps } from 'aws-cdk-lib';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import type { Bundles } from '../bundle.ts';
import { AsyncDeadLetters } from '../constructs/async-dead-letters.ts';
import { DatabaseAccess } from '../constructs/database/database-access.ts';
import { DatabaseLog } from '../constructs/database/database-log.ts';
import { Migrations } from '../constructs/database/migrations.ts';
import { DomainEvents } from '../constructs/domain-events.ts';
import { FirewallArn } from '../constructs/edge/firewall-arn.ts';
import { FrontDoor } from '../constructs/edge/front-door.ts';
import { HttpEndpoint } from '../constructs/edge/http-api.ts';
import { OriginSecret } from '../constructs/edge/origin-secret.ts';
import { SocketEndpoint } from '../constructs/edge/websocket-api.ts';
import { CeleriacFunction } from '../constructs/function.ts';
import { KeyRotation } from '../constructs/key-rotation.ts';
import { Mail } from '../constructs/mail.ts';
import { alarmTable } from '../constructs/observability/alarm-table.ts';
import { Alarms } from '../constructs/observability/alarms.ts';
import { Budget } from '../constructs/observability/budget.ts';
import { Dashboard } from '../constructs/observability/dashboard.ts';
import { deploymentLog } from '../constructs/observability/deployment-log.ts';
import { Schedules } from '../constructs/schedules.ts';
import { grantSecret } from '../constructs/secret-access.ts';
import { TaskQueues } from '../constructs/task-queues.ts';
import { databaseRole, type FunctionName, mapFunctions } from '../functions.ts';
import type { Stage } from '../stages.ts';
import type { DataStack } from './data-stack.ts';

export type AppStackProps = StackProps & { stage: Stage; data: DataStack; bundles: Bundles };

/** Everything that computes. Constructs define the resources, and their verbs define the permissions. */
export class AppStack extends Stack {
  constructor(scope: Construct, id: string, { stage, data, bundles, ...props }: AppStackProps) {
    super(scope, id, props);
    // This stack reads parameters of the data stack. CloudFormation looks them up when the deployment of this stack
    // begins.
    this.addStackDependency(data, 'The database is described by parameters');
    const http = new HttpEndpoint(this, 'Http', { stage });
    const sockets = new SocketEndpoint(this, 'Socket', { stage });
    const originSecret = new OriginSecret(this, 'Origin');
    const frontDoor = new FrontDoor(this, 'FrontDoor', {
      stage,
      http,
      sockets,
      originSecret,
      ...(stage.firewall.on && { webAclArn: new FirewallArn(this, 'Firewall', stage).value }),
    });
    const queues = new TaskQueues(this, 'Queues');
    const events = new DomainEvents(this, 'Events', stage);
    const undelivered = new AsyncDeadLetters(this, 'Undelivered');
    const mail = new Mail(this, 'Mail', stage);
    const schedules = new Schedules(this, 'Schedules', { undelivered });

    const METRICS = stage.observability.metrics;
    const sessions = { TOKEN_ISSUER: frontDoor.url, SIGNING_SECRET_ARN: data.signingSecret.secretArn };
    const environment: Partial<Record<FunctionName, Record<string, string>>> = {
      auth: {
        ...sessions,
        LOGINS_PER_ADDRESS: String(stage.logins.perAddress),
        REGISTRATIONS_PER_ADDRESS: String(stage.logins.registrationsPerAddress),
      },
      session: sessions,
      api: { TOKEN_ISSUER: frontDoor.url, METRICS },
      socket: { TOKEN_ISSUER: frontDoor.url, TOKEN_IN_URL: 'refused' },
      worker: {
        OUTBOUND_LOOPBACK: 'refused',
        OUTBOUND_NAME_SERVERS: '',
        INSTALLATION_URL: frontDoor.url,
        LEASE_SECONDS: String(stage.dispatch.leaseSeconds),
        METRICS,
      },
      'dead-letters': { METRICS },
      dispatcher: { METRICS },
      prices: {
        OUTBOUND_LOOPBACK: 'refused',
        OUTBOUND_NAME_SERVERS: '',
        INSTALLATION_URL: frontDoor.url,
        PRICE_PROVIDER_URL: stage.prices.url,
        // A key in the environment is only for development. A deployment has the name of a secret, or none.
        PRICE_API_KEY: '',
        PRICE_API_KEY_SECRET: stage.prices.apiKeySecret ?? '',
        METRICS,
      },
      migrate: { QUOTAS: JSON.stringify(stage.quotas), MAIL_SENDERS: stage.mail.senders.join(',') },
      'rotate-signing-key': { SIGNING_SECRET_ARN: data.signingSecret.secretArn },
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
    const { auth, session, api, socket, worker, dispatcher, prices, migrate } = functions;
    const database = new DatabaseAccess(this, 'Database', { stage, database: data.database, key: data.key });
    const recorder = functions['dead-letters'];
    const reporter = functions['mail-events'];
    const runtime = [auth, session, api, socket, worker, recorder, dispatcher, prices, reporter];

    for (const fn of [auth, session]) grantSecret(fn, data.signingSecret.secretArn, data.key);
    database.grantOwnership(migrate);
    for (const fn of runtime) database.grantConnect(fn, databaseRole(fn.entry));
    for (const fn of [api, worker, dispatcher]) queues.grantSend(fn, stage);
    for (const fn of [api, socket, worker, recorder, dispatcher]) sockets.grantPush(fn);
    for (const fn of [api, worker, recorder, dispatcher]) events.grantPublish(fn);
    data.artifacts.grantAddresses(api);
    data.artifacts.grantTaskData(worker);
    data.artifacts.grantPurge(dispatcher);
    worker.allowInternet();
    mail.grantSend(worker);
    mail.reportTo(reporter, undelivered);
    socket.allowSelfInvocation();
    originSecret.grantCheck(functions['origin-check']);
    if (stage.prices.apiKeySecret) {
      Secret.fromSecretNameV2(this, 'PriceApiKey', stage.prices.apiKeySecret).grantRead(prices);
    }

    http.routeTo({ auth, session, api }, functions['origin-check']);
    sockets.routeTo(socket, functions['origin-check']);
    frontDoor.publishBy(functions['publish-console']);
    queues.deliverTo({ worker, recorder }, stage.concurrency.queues);
    schedules.every(Duration.minutes(1), dispatcher);
    schedules.every(Duration.minutes(5), prices);
    undelivered.catchFrom(socket, { maxAge: Duration.minutes(1) });
    undelivered.catchFrom(functions['rotate-signing-key'], { maxAge: Duration.hours(1) });
    new Migrations(this, 'Migrations', { migrate, database, before: runtime });
    new KeyRotation(this, 'KeyRotation', {
      secret: data.signingSecret,
      key: data.key,
      rotator: functions['rotate-signing-key'],
      everyDays: stage.signingKey.rotationDays,
    });

    new DatabaseLog(this, 'DatabaseLog', { stage, cluster: database.identifier });
    deploymentLog(this, stage);

    const watched = { stage, http, sockets, queues, undelivered, database, functions };
    const alarms = new Alarms(this, 'Alarms', { stage, table: alarmTable(watched) });
    const dashboard =
      stage.observability.dashboard && new Dashboard(this, 'Dashboard', { watched, alarms: alarms.all });

    const { monthlyBudget: amount } = stage;
    if (amount !== undefined && stage.alarms.email) {
      new Budget(this, 'Budget', { stage, amount, email: stage.alarms.email });
    }

    const outputs: Record<string, string> = {
      ConsoleUrl: `${frontDoor.url}/`,
      DocumentationUrl: `${frontDoor.url}/api/docs`,
      // Clients connect to this URL. `/ws/tasks/<id>/` watches one task.
      WebSocketUrl: `${frontDoor.url.replace(/^https/, 'wss')}/ws`,
      ...(dashboard && { DashboardUrl: dashboard.url }),
      AlarmTopic: alarms.topic.topicArn,
      FrontDoorAddress: frontDoor.address,
      // The endpoints behind the front door. They refuse clients that bypass it.
      HttpUrl: http.url,
      SocketUrl: sockets.url,
    };
    for (const [name, value] of Object.entries(outputs)) new CfnOutput(this, name, { value });
  }
}

/** Returns `DeadLettersFunction` for `dead-letters`. */
const constructId = (name: FunctionName) =>
  `${name.replaceAll(/(^|-)([a-z])/g, (_, __, letter: string) => letter.toUpperCase())}Function`;
