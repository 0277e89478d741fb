import { Fn, Validations } from 'aws-cdk-lib';
import {
  FlowLogDestination,
  FlowLogTrafficType,
  GatewayVpcEndpointAwsService,
  type IVpc,
  NatProvider,
  SubnetType,
  Vpc,
} from 'aws-cdk-lib/aws-ec2';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct, type IConstruct } from 'constructs';
import { NatInstance } from '../nat/instance.ts';
import type { Stage } from '../stages.ts';
import { removalPolicyOf } from './removal-policy.ts';

/**
 * Two zones with three kinds of subnets: public (only the way out), functions (can reach the internet, cannot be reached)
 * and database (neither).
 *
 * Calls to AWS's own APIs also use the way out. Interface endpoints are paid for each service and zone, and would cost
 * more. An endpoint for execute-api would also hide the public APIs from the functions. S3's gateway endpoint is free.
 */
export class Network extends Construct {
  readonly vpc: IVpc;
  /** Resources that must exist before the network leads out. */
  readonly wayOut: readonly IConstruct[];

  constructor(scope: Construct, id: string, stage: Stage) {
    super(scope, id);
    if (stage.vpc) {
      this.vpc = existing(this, stage.vpc);
      this.wayOut = [];
      return;
    }
    const { egress, logs } = stage;
    const nat = egress.by === 'nat-instance' ? new NatInstance() : undefined;
    const vpc = new Vpc(this, 'Vpc', {
      maxAzs: 2,
      natGateways: egress.count,
      natGatewayProvider: nat ?? NatProvider.gateway(),
      // No resource uses the default group. Emptying the group would take a custom resource with rights of its own.
      restrictDefaultSecurityGroup: false,
      subnetConfiguration: [
        { name: 'public', subnetType: SubnetType.PUBLIC, cidrMask: 24 },
        { name: 'functions', subnetType: SubnetType.PRIVATE_WITH_EGRESS, cidrMask: 20 },
        { name: 'database', subnetType: SubnetType.PRIVATE_ISOLATED, cidrMask: 24 },
      ],
      gatewayEndpoints: { S3: { service: GatewayVpcEndpointAwsService.S3 } },
    });
    // Logs only refused traffic: it shows attacks and wrong rules. Other traffic would cost more and show little.
    const flowLog = new LogGroup(this, 'Refused', { retention: logs.retention, ...removalPolicyOf(stage) });
    vpc.addFlowLog('FlowLog', {
      trafficType: FlowLogTrafficType.REJECT,
      destination: FlowLogDestination.toCloudWatchLogs(flowLog),
    });
    this.wayOut = nat?.complete(vpc) ?? [];
    // A cast, because the library's own types disagree about optional members under `exactOptionalPropertyTypes`.
    this.vpc = vpc as IVpc;
  }
}

/**
 * Imports a network. The library needs a list of zones to count the subnets, but no resource here depends on the zone of
 * a subnet.
 */
function existing(
  scope: Construct,
  { id, functionSubnetIds, databaseSubnetIds }: NonNullable<Stage['vpc']>,
): IVpc {
  const zones = Math.min(functionSubnetIds.length, databaseSubnetIds.length);
  const vpc = Vpc.fromVpcAttributes(scope, 'Vpc', {
    vpcId: id,
    availabilityZones: Array.from({ length: zones }, (_, index) => Fn.select(index, Fn.getAzs())),
    privateSubnetIds: functionSubnetIds.slice(0, zones),
    isolatedSubnetIds: databaseSubnetIds.slice(0, zones),
  });
  Validations.of(vpc).acknowledge({
    id: 'Annotation::@aws-cdk/aws-ec2:noSubnetRouteTableId',
    reason: 'Nothing is routed here in a network that is there already',
  });
  return vpc;
}
