import { EventBus } from 'aws-cdk-lib/aws-events';
import { Construct } from 'constructs';
import type { Stage } from '../stages.ts';
import type { CeleriacFunction } from './function.ts';

/** The bus to which functions publish domain events, such as finished tasks and batches. */
export class DomainEvents extends Construct {
  private readonly bus: EventBus;

  constructor(scope: Construct, id: string, stage: Stage) {
    super(scope, id);
    this.bus = new EventBus(this, 'Bus', { eventBusName: `celeriac-${stage.name}` });
  }

  /** Lets `fn` publish to the bus, and sets its variable with the bus's name. */
  grantPublish(fn: CeleriacFunction): void {
    this.bus.grantPutEventsTo(fn);
    fn.addEnvironment('EVENT_BUS_NAME', this.bus.eventBusName);
  }
}
